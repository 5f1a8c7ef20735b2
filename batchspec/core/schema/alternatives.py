"""Which alternative of an `anyOf` or `oneOf` the user meant, told by its type and by its `type` or `role`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from batchspec.core.schema.fault import Fault
from batchspec.core.schema.keys import allowed_keys

_TAGS = ("type", "role")
_CHOICES = ("anyOf", "oneOf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """The faults of the alternative that was meant; without any, why none fits.

    Then `types` are the types of all of them, or `tag` is the key that tells them apart and `tag_values` its values.
    `other_keys` are the keys of the alternatives that might have been meant too.
    """

    faults: tuple[Fault, ...] = ()
    other_keys: frozenset[str] = frozenset()
    types: list[str] = field(default_factory=list)
    tag: str | None = None
    tag_values: list[object] = field(default_factory=list)


def best_alternative(fault: Fault) -> Alternative:
    """Choose among the alternatives of a fault that none of them fits."""
    branches = _branches(fault)
    possible = [faults for faults in branches if not any(_excludes(inner) for inner in faults)]
    if possible:
        best = min(possible, key=_distance)
        keys = frozenset(key for faults in possible if faults is not best for key in _keys(faults))
        return Alternative(faults=tuple(best), other_keys=keys)
    tagged = [inner for faults in branches for inner in faults if _tag(inner) is not None]
    if tagged:
        values = [value for inner in tagged for value in inner.values]
        return Alternative(tag=_tag(tagged[0]), tag_values=values)
    return Alternative(types=[name for inner in fault.inner for name in _types(inner)])


def _branches(fault: Fault) -> list[list[Fault]]:
    branches: dict[object, list[Fault]] = {}
    for inner in fault.inner:
        branches.setdefault(inner.branch, []).append(inner)
    return list(branches.values())


def _excludes(fault: Fault) -> bool:
    """Tell whether an alternative with this fault cannot be the one that was meant."""
    return _tag(fault) is not None or _is_other_type(fault)


def _is_other_type(fault: Fault) -> bool:
    if fault.path:
        return False
    if fault.keyword in _CHOICES:
        branches = _branches(fault)
        return bool(branches) and all(any(_is_other_type(inner) for inner in faults) for faults in branches)
    return fault.keyword == "type"


def _tag(fault: Fault) -> str | None:
    """Return the key that tells alternatives apart, if this error says that it has another's value."""
    if len(fault.path) != 1 or fault.keyword not in {"const", "enum"}:
        return None
    key = fault.path[0]
    return str(key) if key in _TAGS and len(fault.values) == 1 else None


def _types(fault: Fault) -> list[str]:
    if fault.path:
        return []
    if fault.keyword == "type":
        return fault.types
    return [name for inner in fault.inner for name in _types(inner)] if fault.keyword in _CHOICES else []


def _keys(faults: list[Fault]) -> frozenset[str]:
    at_root = (fault for fault in faults if fault.keyword == "additionalProperties" and not fault.path)
    return frozenset(key for fault in at_root for key in allowed_keys(fault))


def _distance(faults: list[Fault]) -> tuple[int, int]:
    """Count what would have to be changed; a mapping with unknown keys is one fault and several changes.

    Values of another type come first: a list of lists is none of mappings, however little is wrong with it.
    """
    mistyped = sum(_is_other_type(replace(fault, path=())) for fault in faults)
    changes = sum(
        len(fault.mapping.keys() - allowed_keys(fault)) if fault.keyword == "additionalProperties" else 1
        for fault in faults
    )
    return mistyped, changes
