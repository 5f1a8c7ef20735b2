"""Candidates for an object or an array that a JSON Schema asks for, the fullest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from string import ascii_lowercase

from batchspec.emulator.answers.pattern_texts import texts
from batchspec.emulator.answers.schema_fit import Schema, equal, needed_names, number_of, parts_for_name
from batchspec.emulator.answers.schema_merge import all_merged, merged
from batchspec.emulator.answers.schema_negate import negations
from batchspec.emulator.answers.schema_search import Maker, NothingFits, listed, mixed

_MOST_ITEMS = 1_000
_MOST_PLACES = 6
_TRIES = 12
_NAMES_TO_TRY = 40


def objects(maker: Maker, schema: Schema, draw: int, depth: int, *, optional: bool) -> Iterator[dict[str, object]]:
    """Yield objects: with the members that may be left away where these are `optional` and can be, and without."""
    for full in (True, False) if optional else (False,):
        try:
            yield _object(maker, schema, draw, depth, full=full)
        except NothingFits:
            continue


def _object(maker: Maker, schema: Schema, draw: int, depth: int, *, full: bool) -> dict[str, object]:
    given = schema.get("properties")
    properties = list(given) if isinstance(given, Mapping) else []
    required = needed_names(schema, {})
    least, most = _size(schema, "minProperties", 0), _size(schema, "maxProperties", _MOST_ITEMS)
    room = most - len(set(required))
    made: dict[str, object] = {}
    for index, name in enumerate(properties):
        if name in required:
            made[name] = maker.value(_part(schema, name), draw + index, depth + 1)
        elif room > 0 and (full or len(made) < least) and maker.fits(name, schema.get("propertyNames", True)):
            try:
                made[name] = maker.value(_part(schema, name), draw + index, depth + 1)
                room -= 1
            except NothingFits:
                continue
    while missing := [name for name in needed_names(schema, made) if name not in made]:
        for name in missing:
            made[name] = maker.value(_part(schema, name), draw, depth + 1)
    if len(made) < least:
        _fill(maker, schema, made, least, draw, depth)
    return {name: made[name] for name in chain(properties, made) if name in made}


def _part(schema: Schema, name: str) -> object:
    return all_merged(parts_for_name(schema, name))


def _fill(maker: Maker, schema: Schema, made: dict[str, object], least: int, draw: int, depth: int) -> None:
    """Add members under further names until there are enough."""
    if least > _MOST_ITEMS:
        raise NothingFits(f"an object of {least} members is more than the emulator makes")
    for name in _names(maker, schema, draw, depth, least):
        if len(made) >= least:
            return
        if name in made or not maker.fits(name, schema.get("propertyNames", True)):
            continue
        if any(needed not in made and needed != name for needed in needed_names(schema, {**made, name: None})):
            continue
        try:
            made[name] = maker.value(_part(schema, name), draw + len(made), depth + 1)
        except NothingFits:
            continue
    if len(made) < least:
        raise NothingFits("too few names for an object's members")


def _names(maker: Maker, schema: Schema, draw: int, depth: int, least: int) -> Iterator[str]:
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    if isinstance(properties, Mapping):
        yield from properties
    yield from (f"emulated_{number + 1}" for number in range(least))
    yield from ascii_lowercase
    for turn in range(_NAMES_TO_TRY + least):
        for pattern in patterns if isinstance(patterns, Mapping) else ():
            yield from islice(texts(pattern, mixed(draw, turn)), 2)
        if "propertyNames" in schema:
            try:
                found = maker.value(merged({"type": "string"}, schema["propertyNames"]), mixed(draw, turn), depth + 1)
            except NothingFits:
                continue
            yield str(found)


def arrays(maker: Maker, schema: Schema, draw: int, depth: int, *, optional: bool) -> Iterator[list[object]]:
    """Yield arrays: with an item more than there need be where that is `optional` and can be, and without."""
    firsts = listed(schema, "prefixItems")
    wanted = max(1, _size(schema, "minContains", 1)) if _has_contains(schema) else 0
    least = max(_size(schema, "minItems", 0), wanted)
    most = _size(schema, "maxItems", max(least, _MOST_ITEMS))
    if least > _MOST_ITEMS:
        raise NothingFits(f"an array of {least} items is more than the emulator makes")
    full = min(max(least, 1, len(firsts)), most) if optional else least
    for size in dict.fromkeys((full, least, min(len(firsts), most), min(max(least, len(firsts) + wanted), most))):
        for place in range(min(size - wanted + 1, _MOST_PLACES)) if wanted else (0,):
            parts = [firsts[at] if at < len(firsts) else schema.get("items", True) for at in range(size)]
            try:
                yield _array(maker, schema, _with_contained(schema, parts, place, wanted), draw, depth)
            except NothingFits:
                continue


def _has_contains(schema: Schema) -> bool:
    return "contains" in schema and _size(schema, "minContains", 1) > 0


def _with_contained(schema: Schema, parts: list[object], place: int, wanted: int) -> list[object]:
    """Let so many items from a place on be what the array must contain, and no others where there may not be more."""
    if "contains" not in schema:
        return parts
    found = parts[:]
    others = negations(schema["contains"]) if "maxContains" in schema else []
    for at, part in enumerate(parts):
        if place <= at < place + wanted:
            found[at] = merged(part, schema["contains"])
        elif others:
            found[at] = merged(part, {"anyOf": others})
    return found


def _array(maker: Maker, schema: Schema, parts: list[object], draw: int, depth: int) -> list[object]:
    items: list[object] = []
    least = _size(schema, "minItems", 0)
    for index, part in enumerate(parts):
        try:
            if schema.get("uniqueItems") is True:
                items.append(_other(maker, part, items, draw + index, depth))
            else:
                items.append(maker.value(part, draw + index, depth + 1))
        except NothingFits:
            if index < least or "contains" in schema:
                raise
            break
    return items


def _other(maker: Maker, part: object, items: list[object], draw: int, depth: int) -> object:
    """Return an item that is not among those there are."""
    for turn in range(2 * len(items) + _TRIES):
        near = draw + turn if turn < len(items) + _TRIES // 2 else mixed(draw, turn)
        for asked in (_numbered(part, len(items)), part) if turn == 0 else (part,):
            try:
                made = maker.value(asked, near, depth + 1)
            except NothingFits:
                continue
            if not any(equal(made, item) for item in items):
                return made
    raise NothingFits("no further unlike item")


def _numbered(part: object, nth: int) -> object:
    """Let the nth of several unlike texts be longer than the one before it."""
    if isinstance(part, Mapping) and part.get("type") == "string" and not {"enum", "const", "pattern"} & part.keys():
        return {**part, "minLength": (number_of(part, "minLength") or 8) + nth}
    return part


def _size(schema: Schema, name: str, default: int) -> int:
    given = number_of(schema, name)
    return default if given is None else max(0, int(min(given, 2 * 10**9)))
