"""The API's refusals: one exception that carries a status and a body, and the shapes that the bodies have.

Decides nothing: whoever finds a fault in a call raises one of these, and `app` turns it into the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchspec.core.errors import BatchspecError


class EmulatorError(BatchspecError):
    """The emulator cannot serve: its port is taken, or its data folder cannot be used."""

    code = "emulator"


class Refusal(Exception):  # noqa: N818 - an answer of the API, not a fault of this program
    """An answer other than the one hoped for: its HTTP status, JSON body and further headers."""

    def __init__(self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class FieldFault(Refusal):
    """A 422 for one field of a call, in the form `{"detail": [{"loc", "msg", "type"}]}`.

    `place` is the field's way in the call: ("query", "page"), ("body", "metadata", "team").
    """

    def __init__(self, place: Sequence[str | int], message: str, kind: str = "value_error") -> None:
        super().__init__(422, {"detail": [{"type": kind, "loc": list(place), "msg": message}]})


def unauthorized() -> Refusal:
    """Return the answer to a missing or wrong key."""
    return Refusal(401, {"detail": "Unauthorized"})


def no_such(thing: str) -> Refusal:
    """Return the 404 for an unknown id; `thing` is "batch job", "file" or "model"."""
    return Refusal(404, {"detail": f"No {thing} matches the given query."})


def too_large(limit: int) -> Refusal:
    """Return the 413 for an upload of more than `limit` bytes."""
    return Refusal(413, {"detail": f"File too large: at most {limit} bytes can be uploaded."})


def bad_lines(errors: Sequence[tuple[int, str]], count: int) -> Refusal:
    """Return the 422 of an upload: `errors` are the first (line number from 1, message) of `count` bad lines."""
    noun = "error" if count == 1 else "errors"
    shown = "" if len(errors) == count else f" The first {len(errors)} are shown."
    return Refusal(
        422,
        {
            "detail": "Invalid file format.",
            "description": f"Found {count} {noun} in this file. You can view the details below.{shown}",
            "errors": [{"message": message, "line_number": number} for number, message in errors],
        },
    )
