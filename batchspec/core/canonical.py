"""Canonical JSON and the digests made of it: what makes two requests the same request.

The canonical form is what is sent, so a digest is of the very bytes that are paid for. Golden vectors in
`tests/unit/core/test_canonical.py` pin it; any change of these rules is a new TAG.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from batchspec.core.json_text import encode_string
from batchspec.core.model import BodyDigest, RequestDigest, Target

TAG = b"batchspec/1"
"""Version of the digest's algorithm; part of every request's digest."""

REQUEST_DIGEST_BYTES = 16
"""The length of a request's identity."""

BODY_DIGEST_BYTES = 32
"""The length of a body's digest."""

Pointer = tuple[str | int, ...]

_ANY_INDEX = -1
_ORDERED_PLACES: tuple[Pointer, ...] = (
    ("response_format", "json_schema", "schema"),
    ("completion_args", "response_format", "json_schema", "schema"),
    ("tools", _ANY_INDEX, "function", "parameters"),
    ("bbox_annotation_format", "json_schema", "schema"),
    ("document_annotation_format", "json_schema", "schema"),
)
_LONGEST_EXACT_FLOAT = 2.0**53
_DEFAULT_ID_DIGITS = 24


class CanonicalError(ValueError):
    """A value that canonical JSON has no form for; `pointer` says where in the body."""

    def __init__(self, message: str, pointer: Pointer) -> None:
        super().__init__(message)
        self.pointer = pointer


def keeps_key_order(pointer: Pointer) -> bool:
    """Tell whether the user's key order counts at this place of a body: inside a JSON Schema that a model follows.

    A model answers in the order of the schema's properties, so there the order is part of what is asked.
    """
    return any(
        len(pointer) >= len(place)
        and all(
            want == have or (want == _ANY_INDEX and isinstance(have, int))
            for want, have in zip(place, pointer, strict=False)
        )
        for place in _ORDERED_PLACES
    )


def canonical(value: object, pointer: Pointer = ()) -> bytes:
    """Return the canonical JSON of a value that stands at `pointer` in a request body.

    Keys sorted by code point, but for the places of `keeps_key_order`; UTF-8, nothing escaped that need not be;
    no white space; an integral float written as its integer; text unchanged.
    Raises CanonicalError for NaN, infinities, lone surrogates, and whatever JSON does not have.
    """
    pieces: list[bytes] = []
    try:
        _write(value, pointer, keeps_key_order(pointer), pieces)
    except RecursionError:
        raise CanonicalError("this value is nested too deeply", pointer) from None
    return b"".join(pieces)


def _write(value: object, pointer: Pointer, ordered: bool, out: list[bytes]) -> None:
    if isinstance(value, str):
        try:
            out.append(encode_string(str(value)))
        except ValueError:
            raise CanonicalError("text with a lone surrogate is not Unicode", pointer) from None
    elif value is None or isinstance(value, bool | int | float):
        out.append(_scalar(value, pointer))
    elif isinstance(value, Mapping):
        _write_mapping(value, pointer, ordered, out)
    elif isinstance(value, list | tuple):
        out.append(b"[")
        for index, item in enumerate(value):
            if index:
                out.append(b",")
            place = (*pointer, index)
            _write(item, place, ordered or keeps_key_order(place), out)
        out.append(b"]")
    else:
        raise CanonicalError(f"a {type(value).__name__} is not a JSON value", pointer)


_MOST_BITS = 1024
"""Most programs read a number of JSON as a double, which has none from two to this power on."""


def _write_mapping(value: Mapping[object, object], pointer: Pointer, ordered: bool, out: list[bytes]) -> None:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise CanonicalError(f"the key {key!r} is not text", pointer)
        keys.append(key)
    if not ordered:
        keys.sort()
    out.append(b"{")
    for index, key in enumerate(keys):
        if index:
            out.append(b",")
        _write(key, pointer, ordered, out)
        out.append(b":")
        place = (*pointer, key)
        _write(value[key], place, ordered or keeps_key_order(place), out)
    out.append(b"}")


def _scalar(value: bool | int | float | None, pointer: Pointer) -> bytes:
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise CanonicalError(f"{value} is not a JSON number", pointer)
        if value.is_integer() and abs(value) <= _LONGEST_EXACT_FLOAT:
            value = int(value)
    elif value.bit_length() > _MOST_BITS:
        raise CanonicalError("this is too large a number", pointer)
    return repr(value).encode("ascii")


def body_digest(body: bytes) -> BodyDigest:
    """Return the SHA-256 of a canonical body."""
    return BodyDigest(hashlib.sha256(body).digest())


class RequestIdentity:
    """What, beside the body, makes a request itself: endpoint, model, revision, replicate.

    The digest of a request is the first 16 bytes of

        SHA-256( TAG, 0x00, canonical JSON of [endpoint, model, revision, replicate], 0x00, SHA-256(body) )

    so a body shared by several models and replicates is hashed once.
    """

    __slots__ = ("_state",)

    def __init__(self, endpoint: str, model: str, *, revision: int = 0, replicate: int = 0) -> None:
        head = canonical([endpoint, model, revision, replicate])
        self._state = hashlib.sha256(TAG + b"\0" + head + b"\0")

    @classmethod
    def of(cls, endpoint: str, target: Target) -> RequestIdentity:
        """Return the identity of what goes to a target."""
        return cls(endpoint, target.model, revision=target.revision, replicate=target.replicate)

    def digest(self, body: BodyDigest) -> RequestDigest:
        """Return the identity of the request with this body."""
        state = self._state.copy()
        state.update(body)
        return RequestDigest(state.digest()[:REQUEST_DIGEST_BYTES])


def shard_digest(endpoint: str, model: str, requests: Iterable[RequestDigest]) -> str:
    """Return a shard's identity in hexadecimal: over endpoint, model and its requests' digests in sorted order."""
    state = hashlib.sha256(TAG + b"/shard\0" + canonical([endpoint, model]) + b"\0")
    # Sorted by the first byte, then among those that share it: a million digests are never a million objects.
    shelves = [bytearray() for _ in range(256)]
    for digest in requests:
        shelves[digest[0]] += digest
    for shelf in shelves:
        state.update(b"".join(sorted(cut_apart(bytes(shelf), REQUEST_DIGEST_BYTES))))
    return state.hexdigest()[:32]


def cut_apart(joined: bytes, size: int) -> list[bytes]:
    """Return digests of one size that were joined."""
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def default_custom_id(body: BodyDigest) -> str:
    """Return the custom_id of a request whose spec names none.

    It is made from the body alone, so that models over the same rows share one uploaded file.
    """
    return body.hex()[:_DEFAULT_ID_DIGITS]
