"""Where in a JSON Schema that nothing fits the reason lies: its innermost part that must apply and is hopeless."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from batchspec.emulator.answers.schema_fit import listed, named, number_of
from batchspec.emulator.answers.schema_places import Part, Places, Schema

_MOST_STEPS = 20


class _Place(NamedTuple):
    part: Part
    pointer: str


def blamed(places: Places, *, hopeless: Callable[[Part], bool]) -> str:
    """Return the pointer of the innermost part that must apply and is `hopeless`: "#" for the schema itself."""
    place = _Place(places.root, "#")
    for _ in range(_MOST_STEPS):
        inner = next((inner for inner in _sure(places, place) if hopeless(inner.part)), None)
        if inner is None:
            break
        place = inner
    return place.pointer


def _sure(places: Places, place: _Place) -> Iterator[_Place]:
    """Yield the parts that a value cannot get round, if it is of the type that is asked for."""
    part, pointer = place
    schema = part.schema
    if not isinstance(schema, Mapping):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        yield _Place(places.led_to(part, reference), reference)
    for at, inner in enumerate(listed(schema, "allOf")):
        yield _Place(part.inner(inner), f"{pointer}/allOf/{at}")
    if schema.get("type") == "object":
        for name in listed(schema, "required"):
            if isinstance(name, str) and name in (properties := named(schema, "properties")):
                step = name.replace("~", "~0").replace("/", "~1")
                yield _Place(part.inner(properties[name]), f"{pointer}/properties/{step}")
    if schema.get("type") == "array":
        yield from _sure_items(part, schema, pointer)


def _sure_items(part: Part, schema: Schema, pointer: str) -> Iterator[_Place]:
    least = number_of(schema, "minItems") or 0
    firsts = listed(schema, "prefixItems")
    for at, inner in enumerate(firsts):
        if at < least:
            yield _Place(part.inner(inner), f"{pointer}/prefixItems/{at}")
    if least > len(firsts) and "items" in schema:
        yield _Place(part.inner(schema["items"]), f"{pointer}/items")
    if "contains" in schema and (number_of(schema, "minContains") or 1) >= 1:
        yield _Place(part.inner(schema["contains"]), f"{pointer}/contains")
