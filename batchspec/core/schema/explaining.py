"""jsonschema's errors as problems in words: one function for each kind of keyword, the innermost cause each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.schema.alternatives import best_alternative
from batchspec.core.schema.fault import Fault
from batchspec.core.schema.keys import missing_keys, unknown_keys
from batchspec.core.schema.problems import (
    ProblemKind,
    SchemaProblem,
    expected_words,
    found_words,
    place_name,
    shown,
    type_name,
)

MESSAGE = "x-batchspec-message"
"""A schema's own words for what is wrong, instead of those made here."""

HINT = "x-batchspec-hint"
"""A schema's own words for how to mend it."""

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_TRUTH_WORDS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}
_Explainer = Callable[[Fault], Iterator[SchemaProblem]]


def explain(fault: Fault, others: frozenset[str] = frozenset()) -> Iterator[SchemaProblem]:
    """Yield what a fault means. `others` are the keys of the alternatives beside the one that was chosen."""
    if fault.keyword == "additionalProperties":
        yield from unknown_keys(fault, others)
    else:
        yield from _EXPLAINERS.get(fault.keyword, _invalid)(fault)


def _alternatives(fault: Fault) -> Iterator[SchemaProblem]:
    chosen = best_alternative(fault)
    if chosen.faults:
        for inner in chosen.faults:
            yield from explain(inner, chosen.other_keys)
    elif chosen.types:
        yield _wrong_type(fault, chosen.types)
    elif chosen.tag is not None:
        tagged = replace(fault, pointer=(*fault.pointer, chosen.tag), found=fault.mapping[chosen.tag])
        yield _not_one_of(tagged, chosen.tag_values)
    else:
        yield from _invalid(fault)


def _type(fault: Fault) -> Iterator[SchemaProblem]:
    yield _wrong_type(fault, fault.types)


def _wrong_type(fault: Fault, types: list[str]) -> SchemaProblem:
    found = fault.found
    sentence = f"{place_name(fault.pointer)} must be {expected_words(types)}, not {found_words(found)}"
    return SchemaProblem(
        pointer=fault.pointer,
        kind=ProblemKind.WRONG_TYPE,
        message=_own(fault, MESSAGE) or sentence,
        hint=_own(fault, HINT) or _type_hint(found, types),
        mended_by_quotes="string" in types and isinstance(found, bool | int | float),
    )


def _type_hint(found: object, types: list[str]) -> str | None:
    if found is None:
        return "give a value, or remove the key"
    if "string" in types and isinstance(found, bool | int | float):
        return f'quote it: "{shown(found)}"'
    if isinstance(found, str) and ({"integer", "number"} & set(types)) and _NUMBER.fullmatch(found):
        return f"remove the quotes: {found.strip()}"
    if isinstance(found, str) and "boolean" in types and found.lower() in _TRUTH_WORDS:
        return f"write {_TRUTH_WORDS[found.lower()]}, without quotes"
    if "array" in types and not isinstance(found, dict):
        return f"write a list: [{shown(found)}]"
    return None


def _constant(fault: Fault) -> Iterator[SchemaProblem]:
    yield _not_one_of(fault, fault.values)


def _not_one_of(fault: Fault, allowed: list[object]) -> SchemaProblem:
    words = [shown(value) for value in allowed]
    if shown(fault.found) in words:
        # Only the type differs, as in `batchspec: "1"`.
        meant = allowed[words.index(shown(fault.found))]
        return _wrong_type(fault, [type_name(meant)])
    hint = _own(fault, HINT)
    if hint is None and len(words) == 1:
        hint = f"write `{words[0]}`"
    elif hint is None:
        # Nobody misspells null: it is there for whoever leaves the value out.
        named = [word for word, value in zip(words, allowed, strict=True) if value is not None]
        hint = did_you_mean(fault.found, named) if isinstance(fault.found, str) else f"one of {', '.join(words)}"
    return SchemaProblem(
        pointer=fault.pointer,
        kind=ProblemKind.NOT_ALLOWED_VALUE,
        message=_own(fault, MESSAGE) or f"{place_name(fault.pointer)} cannot be `{shown(fault.found)}`",
        hint=hint,
    )


def _range(fault: Fault) -> Iterator[SchemaProblem]:
    sentence = (
        f"{place_name(fault.pointer)} must be {_BOUNDS[fault.keyword]} {fault.wanted}, and is {shown(fault.found)}"
    )
    yield _plain(fault, ProblemKind.OUT_OF_RANGE, sentence)


def _size(fault: Fault) -> Iterator[SchemaProblem]:
    size = len(fault.found) if isinstance(fault.found, str | list | dict) else 0
    least = fault.keyword.startswith("min")
    kind = ProblemKind.TOO_SHORT if least else ProblemKind.TOO_LONG
    name = place_name(fault.pointer)
    if least and size == 0:
        yield _plain(fault, kind, f"{name} is empty", "give it a value, or remove the key")
        return
    unit = {"Length": "character", "Items": "item", "Properties": "key"}[fault.keyword[3:]]
    units = unit if fault.wanted == 1 else f"{unit}s"
    yield _plain(
        fault, kind, f"{name} must have at {'least' if least else 'most'} {fault.wanted} {units}, and has {size}"
    )


def _pattern(fault: Fault) -> Iterator[SchemaProblem]:
    sentence = f"{place_name(fault.pointer)} cannot be `{shown(fault.found)}`"
    problem = _plain(fault, ProblemKind.PATTERN, sentence)
    yield problem if problem.hint else replace(problem, detail=f"it must match the pattern {fault.wanted}")


def _missing(fault: Fault) -> Iterator[SchemaProblem]:
    for problem in missing_keys(fault):
        yield replace(problem, message=_own(fault, MESSAGE) or problem.message, hint=_own(fault, HINT) or problem.hint)


def _name(fault: Fault) -> Iterator[SchemaProblem]:
    key = str(fault.found)
    for inner in fault.inner[:1]:
        # Inside, the key is a value without a place of its own.
        for problem in explain(replace(inner, pointer=(*fault.pointer, key))):
            message = problem.message if _own(inner, MESSAGE) else f"the key {problem.message}"
            yield replace(problem, message=message, on_key=True, key=key)


def _not(fault: Fault) -> Iterator[SchemaProblem]:
    key = fault.pointer[-1] if fault.pointer and fault.wanted == {} else None
    name = place_name(fault.pointer)
    if isinstance(key, str):
        problem = _plain(fault, ProblemKind.NOT_ALLOWED_KEY, f"{name} is not allowed here", "remove it")
        yield replace(problem, on_key=True, key=key)
    else:
        yield _plain(fault, ProblemKind.NOT_ALLOWED_VALUE, f"{name} cannot be `{shown(fault.found)}`")


def _repeated(fault: Fault) -> Iterator[SchemaProblem]:
    yield _plain(fault, ProblemKind.NOT_ALLOWED_VALUE, f"`{shown(fault.found)}` is listed twice", "remove one of them")


def _invalid(fault: Fault) -> Iterator[SchemaProblem]:
    name = place_name(fault.pointer)
    yield _plain(fault, ProblemKind.INVALID, f"{name} does not fit `{fault.keyword}` of its schema")


def _plain(fault: Fault, kind: ProblemKind, message: str, hint: str | None = None) -> SchemaProblem:
    message, hint = _own(fault, MESSAGE) or message, _own(fault, HINT) or hint
    return SchemaProblem(pointer=fault.pointer, kind=kind, message=message, hint=hint)


def _own(fault: Fault, keyword: str) -> str | None:
    words = fault.schema.get(keyword)
    return words if isinstance(words, str) else None


_EXPLAINERS: dict[str, _Explainer] = {
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "type": _type,
    "const": _constant,
    "enum": _constant,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "exclusiveMaximum": _range,
    "multipleOf": _range,
    "minLength": _size,
    "maxLength": _size,
    "minItems": _size,
    "maxItems": _size,
    "minProperties": _size,
    "maxProperties": _size,
    "pattern": _pattern,
    "required": _missing,
    "propertyNames": _name,
    "not": _not,
    "uniqueItems": _repeated,
}
