"""JSON Schemas drawn at random: whatever can be written, and such as are known to be fitted by some value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Draw = Callable[[st.SearchStrategy[Any]], Any]

NAMES = st.sampled_from(["a", "b", "c", "id", "name", "x-1"])
PATTERNS = [
    "^[a-z]{1,8}$",
    r"^\d{2,4}-\d{2}$",
    "^(yes|no|maybe)$",
    "[0-9]",
    "^[A-Z][a-z]*",
    r"\.[a-z]{2,3}$",
    "^.*$",
    "a+b?",
]
NUMBERS = st.one_of(st.integers(-1000, 1000), st.sampled_from([0.5, -2.25, 10.0, 1e6, 0.1]))
TEXTS = st.one_of(
    st.text("abcxyz ABC0123456789-.é", max_size=12),
    st.sampled_from(["yes", "no", "2024-01", "12-34", "Anna", "example.org", "aab"]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)
TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]


def small_bounds(*names: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.integers(0, most) for name in names})


def arbitrary_schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of every keyword, many of which nothing fits.

    They refer to three definitions: one that is plain, and two that may be recursive, always by way of a member or an
    item. A schema that refers to itself without such a way has no meaning, and no validator comes back from it.
    """
    part = st.recursive(_leaves(), _branches, max_leaves=8)
    return st.builds(
        lambda schema, one, two, plain: {**schema, "$defs": {"One": one, "Two": two, "Plain": plain}},
        part.filter(lambda schema: isinstance(schema, dict)),
        part,
        part,
        st.sampled_from([{"type": "integer", "minimum": 3}, {"enum": ["p", 1]}, {"type": "object"}]),
    )


def _leaves() -> st.SearchStrategy[Any]:
    numbers = st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBERS),
            "multipleOf": st.sampled_from([1, 2, 3, 7, 0.5, 0.1]),
        },
    )
    strings = st.builds(
        lambda bounds, more: {"type": "string", **bounds, **more},
        small_bounds("minLength", "maxLength", most=20),
        st.fixed_dictionaries({}, optional={"pattern": st.sampled_from(PATTERNS)}),
    )
    return st.one_of(
        numbers,
        strings,
        st.just({}),
        st.booleans(),
        st.just({"$ref": "#/$defs/Plain"}),
        st.sampled_from(["#/$defs/One", "#/$defs/Two", "#"]).map(
            lambda to: {"type": "object", "properties": {"next": {"$ref": to}}, "required": ["next"]}
        ),
        st.sampled_from(["#/$defs/One", "#/$defs/Two", "#"]).map(lambda to: {"type": "array", "items": {"$ref": to}}),
        st.builds(lambda kinds: {"type": kinds}, st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True)),
        st.lists(SCALARS, min_size=1, max_size=4).map(lambda some: {"enum": some}),
        VALUES.map(lambda value: {"const": value}),
    )


def _branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    objects = st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=4),
            "required": st.lists(NAMES, max_size=3, unique=True),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^x-", "^[a-c]$"]), inner, max_size=2),
            "propertyNames": st.sampled_from([{"pattern": "^[a-z]+$"}, {"maxLength": 2}, {"enum": ["a", "b"]}]),
            "minProperties": st.integers(0, 4),
            "maxProperties": st.integers(0, 6),
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner,
            "prefixItems": several,
            "minItems": st.integers(0, 4),
            "maxItems": st.integers(0, 6),
            "uniqueItems": st.booleans(),
            "contains": inner,
            "minContains": st.integers(0, 2),
            "maxContains": st.integers(1, 3),
        },
    )
    return st.one_of(
        objects,
        arrays,
        st.dictionaries(st.sampled_from(["anyOf", "oneOf", "allOf"]), several, min_size=1, max_size=1),
        st.builds(lambda one, two: {**one, "allOf": [two]} if isinstance(one, dict) else two, inner, inner),
        st.builds(lambda no: {"not": no}, inner),
        st.builds(lambda test, then, other: {"if": test, "then": then, "else": other}, inner, inner, inner),
    )


def wide_schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of the rarer keywords too: anchors, addresses, dynamic references, what is unevaluated, look-around."""
    part = st.recursive(
        st.one_of(_leaves(), _rare_leaves()), lambda inner: _branches(inner) | _rare(inner), max_leaves=7
    )
    return st.builds(
        lambda schema, one, two: {
            "$id": "https://example.org/root",
            **schema,
            "$defs": {
                "One": _with(one, {"$anchor": "one"}),
                "Two": _with(two, {"$id": "two", "$dynamicAnchor": "node"}),
                "Plain": {"type": ["integer", "null"], "$dynamicAnchor": "node"},
            },
        },
        part.filter(lambda schema: isinstance(schema, dict)),
        part,
        part,
    )


def _with(schema: Any, more: dict[str, str]) -> dict[str, Any]:
    return {**more, **schema} if isinstance(schema, dict) else {**more, "not": {"const": 1}}


def _rare_leaves() -> st.SearchStrategy[Any]:
    references = st.sampled_from([{"$ref": "#one"}, {"$ref": "two"}, {"$dynamicRef": "#node"}, {"$ref": "two#node"}])
    return st.one_of(
        references.map(lambda to: {"type": "object", "properties": {"next": to}, "minProperties": 1}),
        references.map(lambda to: {"type": "array", "items": to, "maxItems": 3}),
        st.sampled_from([r"^(?=.*[0-9])[a-z0-9]{3,}$", r"^(a|b)\1$", "^(?!a)[a-c]+$", r"\bno\b", "(?<=x)y"]).map(
            lambda pattern: {"type": "string", "pattern": pattern}
        ),
        st.sampled_from(["date", "email", "uuid", "none"]).map(lambda form: {"type": "string", "format": form}),
        st.builds(
            lambda low, step: {"type": "number", "minimum": low, "multipleOf": step},
            st.sampled_from([-(10**30), 10**18, 1e300, 0.3]),
            st.sampled_from([0.01, 0.25, 3, 10**6]),
        ),
    )


def _rare(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.fixed_dictionaries(
            {"unevaluatedProperties": inner},
            optional={
                "properties": st.dictionaries(NAMES, inner, max_size=2),
                "anyOf": several,
                "allOf": several,
                "dependentSchemas": st.dictionaries(NAMES, inner, max_size=2),
                "required": st.lists(NAMES, max_size=2, unique=True),
                "minProperties": st.integers(0, 2),
            },
        ),
        st.fixed_dictionaries(
            {"unevaluatedItems": inner},
            optional={"prefixItems": several, "oneOf": several, "contains": inner, "minItems": st.integers(0, 3)},
        ),
        st.builds(lambda name, then: {"dependentSchemas": {name: then}, "type": "object"}, NAMES, inner),
    )


@st.composite
def fitted_schemas(draw: Draw) -> dict[str, Any]:
    """Schemas that a value drawn first is known to fit, written around that value."""
    value = draw(VALUES)
    definitions: dict[str, Any] = {}
    schema = _around(draw, value, definitions, 3)
    if definitions:
        schema = {**schema, "$defs": definitions}
    Draft202012Validator(schema).validate(value)
    return schema


def _around(draw: Draw, value: Any, definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    kinds = ["plain"] * 4
    if depth > 0:
        kinds += ["anyOf", "oneOf", "allOf", "$ref", "not", "if", "beside", "unevaluated", "$anchor"]
    kind = draw(st.sampled_from(kinds))
    if kind == "plain":
        return _plain(draw, value, definitions, depth)
    one = _around(draw, value, definitions, depth - 1)
    if kind == "unevaluated":
        return {**one, "unevaluatedProperties": _kept(value, dict), "unevaluatedItems": _kept(value, list)}
    if kind == "$anchor":
        name = f"D{len(definitions)}"
        definitions[name] = {"$anchor": name, "allOf": [one]}
        return {draw(st.sampled_from(["$ref", "$dynamicRef"])): f"#{name}"}
    if kind == "$ref":
        name = f"D{len(definitions)}"
        definitions[name] = one
        return {"$ref": f"#/$defs/{name}"}
    if kind == "not":
        return {**one, "not": _other(draw, value)}
    if kind == "if":
        return {"if": one, "then": _around(draw, value, definitions, depth - 1), "else": _other(draw, value)}
    if kind == "beside":
        return {"allOf": [one], **_plain(draw, value, definitions, depth - 1)}
    two = _around(draw, value, definitions, depth - 1) if kind == "allOf" else _other(draw, value)
    return {kind: [one, two] if draw(st.booleans()) else [two, one]}


def _kept(value: Any, kind: type) -> Any:
    """Return a schema that all members, or all items, of the value fit."""
    values: Any = value if isinstance(value, kind) else []
    inner = list(values.values()) if isinstance(values, dict) else list(values)
    return {"enum": inner}


def _other(draw: Draw, value: Any) -> Any:
    """Return a schema that the value does not fit."""
    others: list[Any] = [{"type": kind} for kind in TYPES] + [
        {"enum": ["never", -77]},
        {"const": {"never": 1}},
        {"type": "object", "required": ["never"]},
        {"type": "array", "minItems": 9},
        {"type": "string", "minLength": 40},
        {"type": "string", "pattern": "^never$"},
        {"type": ["integer", "number"], "minimum": 10**7},
        {"type": "object", "properties": {"a": {"const": "never"}}, "required": ["a"]},
        False,
    ]
    return draw(st.sampled_from([other for other in others if not Draft202012Validator(other).is_valid(value)]))


def _plain(draw: Draw, value: Any, definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    how = draw(st.sampled_from(["typed", "typed", "typed", "typed", "enum", "const", "types"]))
    if how == "enum":
        return {"enum": draw(st.permutations([*draw(st.lists(SCALARS, max_size=3)), value]))}
    if how == "const":
        return {"const": value}
    kind = _type_of(value)
    if how == "types":
        return {"type": draw(st.permutations(sorted({kind, draw(st.sampled_from(TYPES))})))}
    if kind == "object":
        return _object(draw, value, definitions, depth)
    if kind == "array":
        return _array(draw, value, definitions, depth)
    if kind == "string":
        return _string(draw, value)
    return _number(draw, value) if kind in {"integer", "number"} else {"type": kind}


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
    return names[type(value)]


def _object(draw: Draw, value: dict[str, Any], definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    known = {name: _around(draw, part, definitions, depth - 1) for name, part in value.items() if draw(st.booleans())}
    for name in draw(st.lists(NAMES, max_size=2)):
        if name not in value:
            known[name] = draw(st.sampled_from([{"type": "string"}, False, {"type": "integer", "maximum": 3}]))
    schema: dict[str, Any] = {"type": "object", "properties": known}
    if draw(st.booleans()):
        schema["required"] = sorted(name for name in value if draw(st.booleans()))
    if known.keys() >= value.keys() and draw(st.booleans()):
        schema["additionalProperties"] = False
    if draw(st.booleans()):
        schema["minProperties"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxProperties"] = draw(st.integers(len(value), len(value) + 3))
    if draw(st.integers(0, 4)) == 0:
        schema["propertyNames"] = {"maxLength": draw(st.integers(max(map(len, value), default=0), 9))}
    if draw(st.integers(0, 4)) == 0 and not any(name.startswith("x-") for name in value):
        schema["patternProperties"] = {"^x-": draw(st.sampled_from([{"type": "integer"}, False]))}
    if len(value) > 1 and draw(st.integers(0, 4)) == 0:
        schema["dependentRequired"] = {min(value): [max(value)]}
    return schema


def _array(draw: Draw, value: list[Any], definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array"}
    firsts = draw(st.integers(0, len(value)))
    if firsts:
        schema["prefixItems"] = [_around(draw, item, definitions, depth - 1) for item in value[:firsts]]
    if firsts < len(value):
        schema["items"] = {"anyOf": [_around(draw, item, definitions, depth - 1) for item in value[firsts:]]}
    elif draw(st.booleans()):
        schema["items"] = False
    if draw(st.booleans()):
        schema["minItems"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxItems"] = draw(st.integers(len(value), len(value) + 3))
    if draw(st.booleans()) and Draft202012Validator({"uniqueItems": True}).is_valid(value):
        schema["uniqueItems"] = True
    if value and draw(st.booleans()):
        schema["contains"] = _around(draw, draw(st.sampled_from(value)), definitions, depth - 1)
    return schema


def _string(draw: Draw, value: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxLength"] = draw(st.integers(len(value), len(value) + 9))
    patterns = [pattern for pattern in PATTERNS if re.search(pattern, value)]
    if draw(st.booleans()):
        schema["pattern"] = draw(st.sampled_from(patterns))
    return schema


def _number(draw: Draw, value: float) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer" if value == value // 1 and draw(st.booleans()) else "number"}
    bound = draw(st.sampled_from([None, "minimum", "exclusiveMinimum"]))
    if bound is not None:
        schema[bound] = value - draw(st.integers(0 if bound == "minimum" else 1, 50))
    bound = draw(st.sampled_from([None, "maximum", "exclusiveMaximum"]))
    if bound is not None:
        schema[bound] = value + draw(st.integers(0 if bound == "maximum" else 1, 50))
    steps = [step for step in (1, 2, 3, 5, 7, 0.5, 0.25) if value % step == 0]
    if steps and draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from(steps))
    return schema
