"""The filters `b64file` and `data_uri`: a file of the project as text, for vision and OCR bodies.

Only the file's bytes and the suffix of its name count; reading is the caller's, and what is read is bounded.
"""

from __future__ import annotations

import posixpath
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2.runtime import Context, Undefined
from jinja2.utils import pass_context

from batchspec.core.errors import FileProblemError
from batchspec.core.template.faults import FileRefused

MAX_FILE_BYTES = 10 * 1024 * 1024
"""The largest file that a template puts into a request; its base64 is a third longer, and fits into MAX_TEXT."""

ReadBytes = Callable[[str, int], bytes]
"""Returns at most so many bytes of the file at a path, as it is written in the spec; raises FileProblemError."""

Upload = Callable[[str], str]
"""Returns the mark of the file at a path, as it is written in the spec; raises FileProblemError."""

_REMEMBERED_FILES = 4
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)

# A table of our own: the machine's would give another text, and so another request, from machine to machine.
MEDIA_TYPES: Mapping[str, str] = {
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".htm": "text/html",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
}
"""The media type of each suffix that `data_uri` knows by itself."""


def file_filters(read: ReadBytes, upload: Upload | None = None) -> dict[str, Callable[..., str]]:
    """Return the filters by their names; `upload` only where it is given. Each raises FileRefused."""

    @lru_cache(maxsize=_REMEMBERED_FILES)  # a picture that every row shows is read once
    def base64_of(path: str) -> str:
        data = read(path, MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise FileProblemError(
                f"`{path}` is larger than {MAX_FILE_BYTES // 2**20} MiB",
                why="the file would stand whole in the request",
                hint="give the API an address, or the `file_id` of an uploaded file",
            )
        return b64encode(data).decode("ascii")

    # With the context, Jinja does not compute these beforehand and keep the text in its code.
    @pass_context
    def b64file(context: Context, path: Any) -> str:
        """Return a file's content as base64."""
        return _told(context, path, base64_of)

    @pass_context
    def data_uri(context: Context, path: Any, media_type: Any = None) -> str:
        """Return a file's content as a data URI."""
        return _told(context, path, lambda name: f"data:{_media_type(name, media_type)};base64,{base64_of(name)}")

    @pass_context
    def uploaded(context: Context, path: Any) -> str:
        """Return the mark of a file that is uploaded before the job is made; its `file_id` takes the mark's place."""
        assert upload is not None, "the filter is there only where there is a way to upload"
        return _told(context, path, upload)

    filters: dict[str, Callable[..., str]] = {"b64file": b64file, "data_uri": data_uri}
    return filters if upload is None else filters | {"upload": uploaded}


def _told(context: Context, path: Any, text_of: Callable[[str], str]) -> str:
    if isinstance(path, Undefined):
        path._fail_with_undefined_error()
    if not isinstance(path, str):
        summary = f"the path of a file came out as a {type(path).__name__}, not text"
        raise FileRefused("", FileProblemError(summary, hint="give a path relative to the spec"))
    try:
        text = text_of(path)
    except FileProblemError as problem:
        raise FileRefused(path, problem) from None
    budget: Any = context.environment.budget  # type: ignore[attr-defined]
    budget.charge_for(text)
    return text


def _media_type(path: str, given: Any) -> str:
    if given is not None:
        if isinstance(given, str) and _MEDIA_TYPE.fullmatch(given):
            return given
        raise FileProblemError(f"`{given}` is no media type", hint="write one such as `image/png`")
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in MEDIA_TYPES:
        return MEDIA_TYPES[suffix]
    named = f"the suffix `{suffix}`" if suffix else "a name without a suffix"
    raise FileProblemError(
        f"the media type of `{path}` is not known",
        why=f"{named} does not tell it",
        hint="name it: `| data_uri('image/png')`",
    )
