"""A JSON document that fits a JSON Schema, made without a model: what a structured answer is emulated with.

Best effort beyond the common keywords (see `schema_fit`); a schema that nothing fits is refused. The document varies
with `draw`, which is made of the request, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product

from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.schema_fit import Judge, Schema, UnusableSchemaError, equal, resolve
from batchspec.emulator.answers.schema_merge import merged
from batchspec.emulator.answers.schema_scalars import scalars

_MOST_VALUES = 5_000
_MOST_ITEMS = 1_000
_DEEPEST = 40
_DEEPEST_OPTIONAL = 3
_TRIES = 12
_CHARACTERS = 20
_LOGIC = ("$ref", "allOf", "anyOf", "oneOf", "if", "not")


class _NothingFits(Exception):  # noqa: N818 - a turn in a search, not a fault
    """No value was found for a part of the schema."""


def document(schema: object, draw: int) -> object:
    """Return a document that fits the schema, the same for the same `draw`. Raises AnswerError where none is found."""
    try:
        return _Maker(schema).value(schema, draw, 0)
    except (_NothingFits, UnusableSchemaError, RecursionError, OverflowError) as error:
        why = f": {error}" if str(error) else ""
        raise AnswerError(f"the emulator found no document that fits the JSON Schema{why}") from None


class _Maker:
    """Makes one document; the budget ends a search that a hostile schema would make endless."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._judge = Judge(root)
        self._budget = _MOST_VALUES

    def value(self, schema: object, draw: int, depth: int) -> object:
        """Return a value that fits the schema at this depth, or raise _NothingFits."""
        self._budget -= 1
        if schema is False or depth > _DEEPEST or self._budget < 0:
            raise _NothingFits
        if not isinstance(schema, Mapping):
            return "emulated"
        if not any(key in schema for key in _LOGIC):
            return self._plain(schema, draw, depth)
        for candidate in islice(self._candidates(schema, draw, depth), _TRIES):
            if self._judge.fits(candidate, schema):
                return candidate
        raise _NothingFits

    def _candidates(self, schema: Schema, draw: int, depth: int) -> Iterator[object]:
        """Yield values of each way in which the schema's branches can be taken, simplest first."""
        for flat in self._flattened(schema, draw, depth):
            for turn in range(3 if "not" in schema or "oneOf" in schema else 1):
                try:
                    yield self.value(flat, draw + turn, depth + 1)
                except _NothingFits:
                    break

    def _flattened(self, schema: Schema, draw: int, depth: int) -> Iterator[Schema]:
        """Yield the schema with its reference, its `allOf` and one branch each of the rest merged into it."""
        plain: Schema = {key: part for key, part in schema.items() if key not in {*_LOGIC, "then", "else"}}
        parts = list(_branches(schema, "allOf"))
        if "$ref" in schema:
            parts.append(resolve(self._root, schema["$ref"]))
        self._budget -= len(parts)
        if depth > _DEEPEST or self._budget < 0:
            return
        for part in parts:
            plain = merged(plain, part)
        ways: Iterable[Schema] = [plain]
        if "if" in schema:
            met = merged(merged(plain, schema["if"]), schema.get("then", True))
            ways = [met, merged(plain, schema.get("else", True))]
        chosen = [_turned(_branches(schema, name), draw, depth) or [True] for name in ("anyOf", "oneOf")]
        for way, any_of, one_of in product(ways, *chosen):
            if self._budget < 0:
                return
            yield merged(merged(way, any_of), one_of)

    def _plain(self, schema: Schema, draw: int, depth: int) -> object:
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list):
            allowed = [choice for choice in choices if self._judge.fits(choice, schema)]
            if not allowed:
                raise _NothingFits
            return allowed[draw % len(allowed)]
        kind = _kind(schema, draw)
        if kind == "object":
            return self._object(schema, draw, depth)
        if kind == "array":
            return self._array(schema, draw, depth)
        for made in scalars(kind, schema, draw):
            if self._judge.fits(made, schema):
                self._budget -= len(made) // _CHARACTERS if isinstance(made, str) else 0
                return made
        raise _NothingFits

    def _object(self, schema: Schema, draw: int, depth: int) -> dict[str, object]:
        given = schema.get("properties")
        properties: Mapping[str, object] = given if isinstance(given, Mapping) else {}
        required = [name for name in _branches(schema, "required") if isinstance(name, str)]
        rest = schema.get("additionalProperties", True)
        most = schema.get("maxProperties")
        made: dict[str, object] = {}
        for index, (name, part) in enumerate(properties.items()):
            if name in required:
                made[name] = self.value(part, draw + index, depth + 1)
            elif depth < _DEEPEST_OPTIONAL and (not isinstance(most, int) or len(properties) <= most):
                try:
                    made[name] = self.value(part, draw + index, depth + 1)
                except _NothingFits:
                    continue
        for name in required:
            if name not in made:
                made[name] = self.value(rest, draw, depth + 1)
        least = schema.get("minProperties")
        for index in range(min(least, _MOST_ITEMS) if isinstance(least, int) else 0):
            if len(made) < index + 1:
                made.setdefault(f"emulated_{index + 1}", self.value(rest, draw + index, depth + 1))
        return made

    def _array(self, schema: Schema, draw: int, depth: int) -> list[object]:
        firsts = _branches(schema, "prefixItems")
        rest = schema.get("items", True)
        least, most = schema.get("minItems"), schema.get("maxItems")
        wanted = max(least if isinstance(least, int) else 0, 0 if depth > _DEEPEST_OPTIONAL else max(1, len(firsts)))
        size = min(wanted, most if isinstance(most, int) else wanted)
        if size > _MOST_ITEMS:
            raise _NothingFits(f"an array of {size} items is more than the emulator makes")
        if "contains" in schema and size > len(firsts):
            rest = merged(rest, schema["contains"]) if isinstance(rest, Mapping) else schema["contains"]
        items: list[object] = []
        for index in range(size):
            part = firsts[index] if index < len(firsts) else rest
            try:
                if schema.get("uniqueItems") is True:
                    items.append(self._other(part, items, draw + index, depth))
                else:
                    items.append(self.value(part, draw + index, depth + 1))
            except _NothingFits:
                if isinstance(least, int) and index < least:
                    raise
                break
        return items

    def _other(self, part: object, items: list[object], draw: int, depth: int) -> object:
        """Return an item that is not among those there are."""
        for turn in range(len(items) + _TRIES):
            made = self.value(_numbered(part, len(items)), draw + turn, depth + 1)
            if not any(equal(made, item) for item in items):
                return made
        raise _NothingFits("no further unlike item")


def _numbered(part: object, nth: int) -> object:
    """Let the nth of several unlike texts be longer than the one before it."""
    if isinstance(part, Mapping) and part.get("type") == "string" and not {"enum", "const", "pattern"} & part.keys():
        least = part.get("minLength")
        return {**part, "minLength": (least if isinstance(least, int) else 8) + nth}
    return part


def _kind(schema: Schema, draw: int) -> str:
    """Return the JSON type to make: the one that is named, or that the schema's keywords speak of."""
    given = schema.get("type")
    if isinstance(given, str):
        return given
    if isinstance(given, list) and given:
        kinds = [kind for kind in given if kind != "null"] or given
        return str(kinds[draw % len(kinds)])
    for kind, keywords in _TELLTALES.items():
        if any(word in schema for word in keywords):
            return kind
    return "string"


_TELLTALES: dict[str, tuple[str, ...]] = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "contains"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def _branches(schema: Schema, name: str) -> list[object]:
    given = schema.get(name)
    return given if isinstance(given, list) else []


def _turned(branches: list[object], draw: int, depth: int) -> list[object]:
    """Begin with another branch for another draw; deep down, with those that lead no deeper."""
    if depth > _DEEPEST_OPTIONAL:
        return sorted(branches, key=lambda branch: isinstance(branch, Mapping) and "$ref" in branch)
    useful = [branch for branch in branches if not (isinstance(branch, Mapping) and branch.get("type") == "null")]
    nothing = [branch for branch in branches if branch not in useful]
    at = draw % len(useful) if useful else 0
    return [*useful[at:], *useful[:at], *nothing]
