"""What a schema's references to its own parts lead to. Others are left to those who know all about references."""

from __future__ import annotations

from collections.abc import Mapping


class UnresolvedError(Exception):
    """A reference to something else than a part of the same schema, or to a part that is not there."""


def resolved(schema: Mapping[str, object], reference: str) -> object:
    """Return the part of a schema that `#` or `#/$defs/name` refers to. Raises UnresolvedError."""
    if reference == "#":
        return schema
    if not reference.startswith("#/") or "%" in reference:
        raise UnresolvedError(reference)
    part: object = schema
    for written in reference[2:].split("/"):
        step = written.replace("~1", "/").replace("~0", "~")
        # What lies below another `$id` has references that are relative to it.
        if not isinstance(part, dict) or step not in part or ("$id" in part and part is not schema):
            raise UnresolvedError(reference)
        part = part[step]
    return part
