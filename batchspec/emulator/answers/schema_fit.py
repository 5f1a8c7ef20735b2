"""Whether a value fits a JSON Schema, as far as choosing between candidates needs it.

Patterns and formats are not judged, so that no expression of a user is ever run. Not for a user's eyes: what people
are told about a schema comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

Schema = Mapping[str, object]

_DEEPEST = 64


class RefError(ValueError):
    """A `$ref` that leads out of the schema, or nowhere."""


def resolve(root: object, ref: object) -> object:
    """Return what a local reference points at: "#", or "#" and a JSON pointer. Raises RefError."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise RefError(f"the reference {ref!r} leads out of the schema")
    found = root
    for step in ref[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise RefError(f"the reference {ref!r} leads nowhere")
    return found


def equal(one: object, other: object) -> bool:
    """Compare as JSON does: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return one == other


def fits(value: object, schema: object, root: object, depth: int = 0) -> bool:
    """Tell whether the value fits; `root` is the document that `$ref`s start from. Raises RefError."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return True
    checks: list[Callable[[object, Schema, object, int], bool]] = [_fits_value, _fits_logic]
    if isinstance(value, dict):
        checks.append(_fits_object)
    elif isinstance(value, list):
        checks.append(_fits_array)
    return all(check(value, schema, root, depth + 1) for check in checks)


def _fits_value(value: object, schema: Schema, _root: object, _depth: int) -> bool:
    kinds = schema.get("type")
    if kinds is not None and not any(
        is_of_type(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])
    ):
        return False
    if "const" in schema and not equal(value, schema["const"]):
        return False
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(equal(value, choice) for choice in choices):
        return False
    if isinstance(value, str):
        return _within(len(value), schema, "minLength", "maxLength")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _fits_number(value, schema)
    return True


def _fits_number(value: float, schema: Schema) -> bool:
    over = number_of(schema, "exclusiveMinimum")
    under = number_of(schema, "exclusiveMaximum")
    step = number_of(schema, "multipleOf")
    return (
        _within(value, schema, "minimum", "maximum")
        and (over is None or value > over)
        and (under is None or value < under)
        and (step is None or step <= 0 or abs(value / step - round(value / step)) < 1e-9)
    )


def _fits_logic(value: object, schema: Schema, root: object, depth: int) -> bool:
    def holds(part: object) -> bool:
        return fits(value, part, root, depth)

    if "$ref" in schema and not holds(resolve(root, schema["$ref"])):
        return False
    if "not" in schema and holds(schema["not"]):
        return False
    if "if" in schema and not holds(schema.get("then" if holds(schema["if"]) else "else", True)):
        return False
    all_of, any_of, one_of = (schema.get(name) for name in ("allOf", "anyOf", "oneOf"))
    return (
        (not isinstance(all_of, list) or all(map(holds, all_of)))
        and (not isinstance(any_of, list) or any(map(holds, any_of)))
        and (not isinstance(one_of, list) or sum(map(holds, one_of)) == 1)
    )


def _fits_object(value: object, schema: Schema, root: object, depth: int) -> bool:
    members = cast(dict[str, object], value)
    required = schema.get("required")
    if isinstance(required, list) and any(name not in members for name in required):
        return False
    known = schema.get("properties")
    properties = known if isinstance(known, Mapping) else {}
    # What a pattern covers is not judged.
    rest = True if "patternProperties" in schema else schema.get("additionalProperties", True)
    return _within(len(members), schema, "minProperties", "maxProperties") and all(
        fits(member, properties.get(name, rest), root, depth) for name, member in members.items()
    )


def _fits_array(value: object, schema: Schema, root: object, depth: int) -> bool:
    items = cast(list[object], value)
    fixed = schema.get("prefixItems")
    firsts = fixed if isinstance(fixed, list) else []
    rest = schema.get("items", True)
    if not _within(len(items), schema, "minItems", "maxItems"):
        return False
    if schema.get("uniqueItems") is True and any(equal(a, b) for at, a in enumerate(items) for b in items[:at]):
        return False
    if "contains" in schema and not any(fits(item, schema["contains"], root, depth) for item in items):
        return False
    return all(fits(item, firsts[at] if at < len(firsts) else rest, root, depth) for at, item in enumerate(items))


def is_of_type(value: object, kind: object) -> bool:
    """Tell whether a value is of a JSON type by its name; 1.0 is an integer, as JSON Schema has it."""
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "null":
        return value is None
    types: dict[object, type] = {"string": str, "boolean": bool, "object": dict, "array": list}
    return isinstance(value, types[kind]) if kind in types else False


def _within(size: float, schema: Schema, least: str, most: str) -> bool:
    lower, upper = number_of(schema, least), number_of(schema, most)
    return (lower is None or size >= lower) and (upper is None or size <= upper)


def number_of(schema: Schema, name: str) -> float | None:
    """Return a keyword's number, or None where it has none."""
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
