"""Keys of a mapping that a schema does not let stand, or misses: unknown, misspelt, missing, badly named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from batchspec.core.diagnostics import did_you_mean, nearest
from batchspec.core.schema.fault import Fault, compiled
from batchspec.core.schema.problems import ProblemKind, SchemaProblem, place_name, shown

EXPECTED = "x-batchspec-expected"
"""Keys one of which something else than the schema asks for; a misspelt one is then probably meant."""

ELSEWHERE = "x-batchspec-elsewhere"
"""Keys that belong into another one, by that one's name."""

_EXPLAINED = 50


def unknown_keys(fault: Fault, others: Collection[str] = ()) -> Iterator[SchemaProblem]:
    """Yield a problem for each key that `additionalProperties: false` refuses.

    `others` are the keys of alternative shapes, which may be meant as well.
    """
    for position, key in enumerate(_refused(fault)):
        if key in others:
            beside = " and ".join(f"`{name}`" for name in fault.mapping if name in allowed_keys(fault))
            message = f"`{key}` cannot stand beside {beside or 'the other keys'}"
            yield _about_key(fault, key, ProblemKind.NOT_ALLOWED_KEY, message, hint="keep one of them")
        else:
            # Comparing names is slow, and nobody reads so many hints.
            explained = position < _EXPLAINED
            hint = (
                (_elsewhere(key, fault) or did_you_mean(key, allowed_keys(fault) | set(others))) if explained else None
            )
            missing = _meant(key, fault) if explained else None
            detail = "only keys of the schema are allowed" + (f", and `{missing}` is missing" if missing else "")
            message = f"unknown key `{shown(key)}`"
            yield _about_key(fault, key, ProblemKind.UNKNOWN_KEY, message, detail=detail, hint=hint)


def _about_key(
    fault: Fault, key: str, kind: ProblemKind, message: str, *, detail: str | None = None, hint: str | None = None
) -> SchemaProblem:
    pointer = (*fault.pointer, key)
    return SchemaProblem(pointer=pointer, kind=kind, message=message, detail=detail, hint=hint, on_key=True, key=key)


def missing_keys(fault: Fault) -> Iterator[SchemaProblem]:
    """Yield a problem for each required key that is not there, but for those that are there misspelt."""
    misspelt = {_meant(key, fault) for key in islice(_refused(fault), _EXPLAINED)}
    properties = _mapping(fault.schema.get("properties"))
    for key in _names(fault.wanted):
        if key in fault.mapping or key in misspelt:
            continue
        described = _mapping(properties.get(key))
        description = described.get("description")
        yield SchemaProblem(
            pointer=fault.pointer,
            kind=ProblemKind.MISSING_KEY,
            message=f"`{key}` is missing" + (f" in {place_name(fault.pointer)}" if fault.pointer else ""),
            detail=f"`{key}`: {description}" if isinstance(description, str) else None,
            hint=_example(key, described),
            key=key,
        )


def allowed_keys(fault: Fault) -> frozenset[str]:
    """Return the keys that the schema of a refused mapping allows."""
    return frozenset(_mapping(fault.schema.get("properties")))


def _example(key: str, described: Mapping[str, object]) -> str:
    examples = described.get("examples")
    if "const" in described:
        return f"add `{key}: {shown(described['const'])}`"
    if isinstance(examples, list) and examples:
        return f"add `{key}`, for example `{key}: {shown(examples[0])}`"
    return f"add `{key}`"


def _meant(key: str, fault: Fault) -> str | None:
    """Return the missing key that a refused one is probably a misspelling of."""
    meant = nearest(key, allowed_keys(fault))
    expected = _names(fault.schema.get(EXPECTED))
    wanted = set(_names(fault.schema.get("required")))
    wanted |= set() if any(name in fault.mapping for name in expected) else set(expected)
    return meant if meant in wanted and meant not in fault.mapping else None


def _elsewhere(key: str, fault: Fault) -> str | None:
    """Return where a refused key belongs, if that is known."""
    homes = _mapping(fault.schema.get(ELSEWHERE))
    home = next((home for home, keys in homes.items() if key in _names(keys)), None)
    return None if home is None else f"put it under `{home}:`"


def _refused(fault: Fault) -> list[str]:
    if fault.schema.get("additionalProperties") is not False:
        return []
    known = allowed_keys(fault)
    patterns = [compiled(pattern) for pattern in _mapping(fault.schema.get("patternProperties"))]
    return [key for key in fault.mapping if key not in known and not any(pattern.search(key) for pattern in patterns)]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
