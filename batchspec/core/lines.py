"""The lines of a batch file: `{"custom_id":…,"body":…}`, the body in canonical form.

A file written here tells everything about its requests again: the custom_ids and, by digest, who they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple, cast

from batchspec.core.canonical import (
    BODY_DIGEST_BYTES,
    REQUEST_DIGEST_BYTES,
    CanonicalError,
    body_digest,
    canonical,
    cut_apart,
)
from batchspec.core.json_text import JsonError, encode_read, encode_string, encode_strings, parse
from batchspec.core.model import BodyDigest, RequestDigest

_HEAD = b'{"custom_id":'
_MIDDLE = b',"body":'
_TAIL = b"}\n"
_COUNT_BYTES = 4
_WRITTEN = re.compile(rb'\{"custom_id":("(?:[^"\\]|\\.)*"),"body":(\{.*\})\}\n')


class LineError(ValueError):
    """A line that is not of a batch file."""


class RequestLine(NamedTuple):
    """What one line of a batch file holds."""

    custom_id: str
    body: BodyDigest


def request_line(custom_id: str, body: bytes) -> bytes:
    """Return the line, with its newline, for a canonical body."""
    return b"".join((_HEAD, encode_string(custom_id), _MIDDLE, body, _TAIL))


def request_lines(custom_ids: Sequence[str], bodies: Sequence[bytes]) -> list[bytes]:
    """Return the lines of many requests, as `request_line` does."""
    pieces = (repeat(_HEAD), encode_strings(custom_ids), repeat(_MIDDLE), bodies, repeat(_TAIL))
    return list(map(b"".join, zip(*pieces)))  # noqa: B905 - what is repeated never ends


def read_request_line(line: bytes) -> RequestLine:
    """Read a line back, digesting its body anew; also one that another program or an older version has written.

    Raises LineError.
    """
    try:
        value = parse(line)
    except JsonError as error:
        raise LineError(f"not JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("body"), dict):
        raise LineError("no object with a `body`")
    custom_id = value.get("custom_id")
    if not isinstance(custom_id, str):
        raise LineError("no `custom_id`")
    try:
        return RequestLine(custom_id, body_digest(canonical(value["body"])))
    except CanonicalError as error:
        raise LineError(f"no canonical `body`: {error}") from None


def read_request_lines(stream: Iterable[bytes]) -> Iterator[RequestLine]:
    """Read a whole file of them. Raises LineError, naming the line."""
    for number, line in enumerate(stream, 1):
        try:
            yield read_request_line(line)
        except LineError as error:
            raise LineError(f"line {number}: {error}") from None


def told_of(custom_ids: Sequence[str], bodies: Sequence[BodyDigest]) -> bytes:
    """Return what some lines hold, to be kept beside them, so that no body is read and digested again."""
    return b"".join((len(bodies).to_bytes(_COUNT_BYTES, "big"), *bodies, encode_read(custom_ids)))


def read_told(piece: bytes) -> tuple[list[str], list[BodyDigest]]:
    """Return the custom_ids and the bodies' digests that `told_of` has written."""
    names_at = _COUNT_BYTES + int.from_bytes(piece[:_COUNT_BYTES], "big") * BODY_DIGEST_BYTES
    return cast(list[str], parse(piece[names_at:])), cast(
        list[BodyDigest], cut_apart(piece[_COUNT_BYTES:names_at], BODY_DIGEST_BYTES)
    )


def inline_custom_id(request: RequestDigest) -> str:
    """Return the custom_id of a request that is sent in the job itself.

    The provider never gives an inline job's requests back, only their answers: so each must say which request it is.
    """
    return request.hex()


def request_of_inline(custom_id: str) -> RequestDigest | None:
    """Return the request that an inline custom_id stands for; None where it is of another making."""
    try:
        digest = bytes.fromhex(custom_id)
    except ValueError:
        return None
    return RequestDigest(digest) if len(digest) == REQUEST_DIGEST_BYTES and digest.hex() == custom_id else None


def as_inline_request(line: bytes, request: RequestDigest) -> bytes:
    """Return a line as the request of an inline job that it stands for, the body unchanged. Raises LineError."""
    found = _WRITTEN.fullmatch(line)
    if found is None:
        raise LineError("not as this program writes it")
    return request_line(inline_custom_id(request), found[2]).rstrip(b"\n")
