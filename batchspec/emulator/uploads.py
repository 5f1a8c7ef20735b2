"""An upload: a multipart body streamed to disk, and a batch file's lines checked one by one, as the service does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, cast

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request

from batchspec.core.json_text import JsonError, parse
from batchspec.emulator.files import FileStore
from batchspec.emulator.refusals import FieldFault, bad_lines, too_large

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer line is refused, so that no line need be held that would not fit."""

_PURPOSES = ("fine-tune", "batch", "ocr", "audio")
_FORM_ROOM = 1024 * 1024
_MOST_ERRORS = 100
_HOUR = 3600


def receive(request: Request, files: FileStore, limit: int) -> dict[str, object]:
    """Take in POST /v1/files with at most `limit` bytes of file; return the file as the API shows it.

    `expiry`, whose unit the API leaves open, is taken as hours. Raises Refusal.
    """
    parts = _Parts(files, limit)
    try:
        form, uploaded = _parsed(request, parts, limit)
        if "file" not in uploaded:
            raise FieldFault(("body", "file"), "Field required", "missing")
        purpose = _one_of(form, "purpose", "fine-tune", _PURPOSES)
        visibility = _one_of(form, "visibility", "workspace", ("workspace", "user"))
        expires_at = _expiry(form.get("expiry"))
        path, filename, mimetype = uploaded["file"]
        lines = check_lines(path) if purpose == "batch" else None
        return files.keep(
            path,
            filename=filename,
            purpose=purpose,
            lines=lines,
            mimetype=mimetype,
            visibility=visibility,
            expires_at=expires_at,
        )
    finally:
        parts.clear()


Uploaded = dict[str, tuple[Path, str, str | None]]


def _parsed(request: Request, parts: _Parts, limit: int) -> tuple[dict[str, str], Uploaded]:
    if request.mimetype != "multipart/form-data":
        raise FieldFault(("body",), "a multipart/form-data body with a `file` is expected")
    if (request.content_length or 0) > limit + _FORM_ROOM:
        raise too_large(limit)
    parser = FormDataParser(stream_factory=parts.open, max_form_memory_size=_FORM_ROOM, max_form_parts=32, silent=False)
    try:
        _, form, storages = parser.parse(
            request.stream, request.mimetype, request.content_length, request.mimetype_params
        )
    except RequestEntityTooLarge:
        raise too_large(limit) from None
    except (ValueError, EOFError) as error:
        raise FieldFault(("body",), f"the multipart body cannot be read: {error}") from None
    uploaded: Uploaded = {
        name: (cast(_Part, storage.stream).path, storage.filename or "file", storage.mimetype or None)
        for name, storage in storages.items()
    }
    return dict(form.items()), uploaded


class _Part:
    """One file of a body, written by the parser; refuses to grow beyond a limit."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._left = limit
        self.path = Path(stream.name)

    def write(self, data: bytes) -> int:
        """Write what the parser has read."""
        self._left -= len(data)
        if self._left < 0:
            raise RequestEntityTooLarge
        return self._stream.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, as the parser does at the part's end; what was written is then in the file."""
        return self._stream.seek(offset, whence)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class _Parts:
    """The files that one upload writes; those not kept by its end are removed."""

    def __init__(self, files: FileStore, limit: int) -> None:
        self._files = files
        self._limit = limit
        self._made: list[_Part] = []

    def open(
        self,
        total_content_length: int | None,  # noqa: ARG002 - the parser names its arguments
        content_type: str | None,  # noqa: ARG002
        filename: str | None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        """Open a file for a part of the body; the arguments are the parser's."""
        part = _Part(self._files.part(), self._limit)
        self._made.append(part)
        return cast(IO[bytes], part)

    def clear(self) -> None:
        """Close every part and remove those that were not kept."""
        for part in self._made:
            part.close()
            self._files.drop(part.path)


def check_lines(path: Path) -> int:
    """Return how many lines a batch file has; each must be an object with an object `body`. Raises Refusal."""
    errors: list[tuple[int, str]] = []
    bad = 0
    number = 0
    with path.open("rb") as stream:
        while line := stream.readline(LONGEST_LINE):
            number += 1
            problem = line_problem(line)
            if problem is not None:
                bad += 1
                if len(errors) < _MOST_ERRORS:
                    errors.append((number, problem))
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                break
    if number == 0:
        raise bad_lines([(1, "The file is empty.")], 1)
    if bad:
        raise bad_lines(errors, bad)
    return number


def line_problem(line: bytes) -> str | None:
    """Return what is wrong with one line of a batch file, or None."""
    if len(line) >= LONGEST_LINE:
        return f"The line is longer than {LONGEST_LINE} bytes."
    try:
        value = parse(line)
    except JsonError as error:
        return f"The line is not valid JSON: {error} (character {error.offset + 1})."
    if not isinstance(value, dict):
        return "The line must be a JSON object."
    if not isinstance(value.get("body"), dict):
        return "Field `body` is required and must be an object."
    if not isinstance(value.get("custom_id"), str | None):
        return "Field `custom_id` must be a string."
    return None


def _one_of(form: dict[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    given = form.get(name, default)
    if given not in allowed:
        choices = ", ".join(f"'{choice}'" for choice in allowed)
        raise FieldFault(("body", name), f"Input should be one of {choices}", "enum")
    return given


def _expiry(given: str | None) -> float | None:
    if given is None or given == "":
        return None
    if not (given.isascii() and given.isdigit() and 0 < int(given[:7]) <= 1_000_000):
        raise FieldFault(("body", "expiry"), "Input should be a whole number from 1 to 1000000", "int_parsing")
    return time.time() + int(given[:7]) * _HOUR
