"""Whether a value fits a JSON Schema of draft 2020-12, within bounds that no schema can make it leave.

Formats are not judged, as the draft has it by default. A keyword that is not known here and could refuse a value is
refused itself. Not for a user's eyes: what people are told about a schema comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from batchspec.emulator.answers.patterns import UnsupportedPatternError, found_in

Schema = Mapping[str, object]
"""A JSON Schema that is an object; the others are `true` and `false`."""

_DEEPEST = 64
_MOST_STEPS = 50_000
_UNSUPPORTED = frozenset(
    {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "additionalItems", "dependencies"}
)


class UnusableSchemaError(ValueError):
    """A schema that cannot be followed: a `$ref` out of it or to nowhere, a keyword not known, work without end."""


def resolve(root: object, ref: object) -> object:
    """Return what a local reference points at: "#", or "#" and a JSON pointer. Raises UnusableSchemaError."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise UnusableSchemaError(f"the reference {ref!r} leads out of the schema")
    found = root
    for step in ref[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise UnusableSchemaError(f"the reference {ref!r} leads nowhere")
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


class Judge:
    """Tells whether values fit a schema and its parts, within a budget of steps for all of them together."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._steps = _MOST_STEPS

    def fits(self, value: object, schema: object, depth: int = 0) -> bool:
        """Tell whether the value fits. Raises UnusableSchemaError."""
        self._steps -= 1
        if self._steps < 0 or depth > _DEEPEST:
            raise UnusableSchemaError("it is too deep or too large")
        if not isinstance(schema, Mapping):
            return schema is not False
        if not _UNSUPPORTED.isdisjoint(schema):
            raise UnusableSchemaError(f"the keyword {min(_UNSUPPORTED & schema.keys())} is not supported")
        if not _fits_value(value, schema) or not self._logic(value, schema, depth + 1):
            return False
        if isinstance(value, dict):
            return self._object(value, schema, depth + 1)
        if isinstance(value, list):
            return self._array(value, schema, depth + 1)
        return True

    def _logic(self, value: object, schema: Schema, depth: int) -> bool:
        def holds(part: object) -> bool:
            return self.fits(value, part, depth)

        if "$ref" in schema and not holds(resolve(self._root, schema["$ref"])):
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

    def _object(self, members: dict[str, object], schema: Schema, depth: int) -> bool:
        if any(name not in members for name in needed_names(schema, members)):
            return False
        if not _within(len(members), schema, "minProperties", "maxProperties"):
            return False
        dependent = schema.get("dependentSchemas")
        if isinstance(dependent, Mapping) and not all(
            self.fits(members, part, depth) for name, part in dependent.items() if name in members
        ):
            return False
        names = schema.get("propertyNames", True)
        return all(
            self.fits(name, names, depth)
            and all(self.fits(member, part, depth) for part in parts_for_name(schema, name))
            for name, member in members.items()
        )

    def _array(self, items: list[object], schema: Schema, depth: int) -> bool:
        fixed = schema.get("prefixItems")
        firsts = fixed if isinstance(fixed, list) else []
        rest = schema.get("items", True)
        if not _within(len(items), schema, "minItems", "maxItems"):
            return False
        if schema.get("uniqueItems") is True and any(equal(a, b) for at, a in enumerate(items) for b in items[:at]):
            return False
        if "contains" in schema:
            wanted = sum(self.fits(item, schema["contains"], depth) for item in items)
            least, most = number_of(schema, "minContains"), number_of(schema, "maxContains")
            if wanted < (1 if least is None else least) or (most is not None and wanted > most):
                return False
        return all(self.fits(item, firsts[at] if at < len(firsts) else rest, depth) for at, item in enumerate(items))


def _fits_value(value: object, schema: Schema) -> bool:
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
        return _within(len(value), schema, "minLength", "maxLength") and _matches(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _fits_number(value, schema)
    return True


def _matches(text: str, schema: Schema) -> bool:
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return True
    try:
        return found_in(pattern, text)
    except UnsupportedPatternError as error:
        raise UnusableSchemaError(f"the pattern {pattern[:80]!r}: {error}") from None


def _fits_number(value: float, schema: Schema) -> bool:
    over = number_of(schema, "exclusiveMinimum")
    under = number_of(schema, "exclusiveMaximum")
    step = number_of(schema, "multipleOf")
    return (
        _within(value, schema, "minimum", "maximum")
        and (over is None or value > over)
        and (under is None or value < under)
        and (step is None or step <= 0 or is_multiple(value, step))
    )


def is_multiple(value: float, step: float) -> bool:
    """Tell whether a number is a multiple, both for a reader of decimals and for one of binary fractions."""
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        return (value / step).is_integer() and (Fraction(repr(value)) / Fraction(repr(step))).denominator == 1
    except (OverflowError, ValueError):
        return False


def is_of_type(value: object, kind: object) -> bool:
    """Tell whether a value is of a JSON type by its name; 1.0 is an integer, as JSON Schema has it."""
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "null":
        return value is None
    types: dict[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list}
    return isinstance(kind, str) and kind in types and isinstance(value, types[kind])


def needed_names(schema: Schema, members: Mapping[str, object]) -> list[str]:
    """Return the names of the members that an object must have, some of them because of others that it has."""
    required = schema.get("required")
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    dependent = schema.get("dependentRequired")
    if isinstance(dependent, Mapping):
        for name, others in dependent.items():
            if name in members and isinstance(others, list):
                needed += [other for other in others if isinstance(other, str)]
    return needed


def parts_for_name(schema: Schema, name: str) -> list[object]:
    """Return the schemas that a member of that name must fit: its own, those of patterns, or that of the rest."""
    parts: list[object] = []
    properties = schema.get("properties")
    if isinstance(properties, dict) and name in properties:
        parts.append(properties[name])
    patterns = schema.get("patternProperties")
    if isinstance(patterns, dict):
        parts += [part for pattern, part in patterns.items() if _matches(name, {"pattern": pattern})]
    return parts or [schema.get("additionalProperties", True)]


def _within(size: float, schema: Schema, least: str, most: str) -> bool:
    lower, upper = number_of(schema, least), number_of(schema, most)
    return (lower is None or size >= lower) and (upper is None or size <= upper)


def number_of(schema: Schema, name: str) -> float | None:
    """Return a keyword's number, or None where it has none."""
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
