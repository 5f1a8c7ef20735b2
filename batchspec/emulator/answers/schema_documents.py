"""A JSON document that fits a JSON Schema, made without a model: what a structured answer is emulated with.

What is returned has been judged (see `schema_fit`); a schema that nothing was found for is refused. The document
varies with `draw`, which is made of the request, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, product

from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.patterns import UnsupportedPatternError
from batchspec.emulator.answers.schema_containers import arrays, objects
from batchspec.emulator.answers.schema_fit import Judge, Schema, UnusableSchemaError, resolve
from batchspec.emulator.answers.schema_merge import merged
from batchspec.emulator.answers.schema_negate import negations, none_of
from batchspec.emulator.answers.schema_scalars import scalars
from batchspec.emulator.answers.schema_search import NothingFits, listed, mixed

_MOST_VALUES = 5_000
_DEPTHS = (8, 16, 40)
_TRIES = 200
_MOST_WAYS = 60
_ROUNDS = (1, 2, 4, 8)
_TURNS = 4
_MOST_ALONE = 24
_CHARACTERS = 20
_PATTERN_STEPS = 10
_LOGIC = ("$ref", "allOf", "anyOf", "oneOf", "if", "not", "dependentSchemas")
_AFTER_LOGIC = ("then", "else")


def document(schema: object, draw: int) -> object:
    """Return a document that fits the schema, the same for the same `draw`. Raises AnswerError where none is found."""
    why = ""
    try:
        for deepest in _DEPTHS:
            try:
                return _Maker(schema, deepest).value(schema, draw, 0)
            except NothingFits as error:
                why = str(error)
    except (UnusableSchemaError, UnsupportedPatternError, RecursionError, OverflowError) as error:
        why = str(error)
    raise AnswerError(f"the emulator found no document that fits the JSON Schema{': ' if why else ''}{why}") from None


class _Maker:
    """Makes one document, no deeper than `deepest`; the budget ends a search that a schema would make endless."""

    def __init__(self, root: object, deepest: int) -> None:
        self._root = root
        self._deepest = deepest
        self._judge = Judge(root)
        self._budget = _MOST_VALUES

    def value(self, schema: object, draw: int, depth: int) -> object:
        """Return a value that fits the schema at this depth. Raises NothingFits."""
        for candidate in islice(self._candidates(schema, draw, depth), _TRIES):
            if self._judge.fits(candidate, schema):
                return candidate
        raise NothingFits

    def fits(self, value: object, schema: object) -> bool:
        """Tell whether a value fits. Raises UnusableSchemaError."""
        return self._judge.fits(value, schema)

    def _candidates(self, schema: object, draw: int, depth: int) -> Iterator[object]:
        """Yield values of each way in which the schema's branches can be taken, simplest first."""
        self._spend(1)
        if schema is False or depth > self._deepest:
            return
        if not isinstance(schema, Mapping):
            yield "emulated"
        elif "const" in schema:
            yield schema["const"]
        elif isinstance(schema.get("enum"), list):
            yield from self._choices(schema, draw)
        elif not any(key in schema for key in _LOGIC):
            yield from self._plain(schema, draw, depth)
        else:
            yield from self._of_branches(schema, draw, depth)

    def _of_branches(self, schema: Schema, draw: int, depth: int) -> Iterator[object]:
        """Yield a few values of each way in turn, so that none keeps the search from the next."""
        ways: list[Iterator[object]] = []
        for flat in islice(self._flattened(schema, draw, depth), _MOST_WAYS):
            ways.append(self._turns(flat, draw, depth + 1))
            yield from islice(ways[-1], 1)
        for many in _ROUNDS:
            for way in ways:
                yield from islice(way, many)

    def _turns(self, schema: Schema, draw: int, depth: int) -> Iterator[object]:
        for turn in range(_TURNS):
            yield from self._candidates(schema, mixed(draw, turn), depth)

    def _choices(self, schema: Schema, draw: int) -> Iterator[object]:
        """Yield every choice of an `enum` that fits, so that a search among few is never cut off by many."""
        choices = listed(schema, "enum")
        self._spend(len(choices) // _CHARACTERS)
        fitting = [choice for choice in choices if self._judge.fits(choice, schema)]
        at = draw % len(fitting) if fitting else 0
        yield from fitting[at:] + fitting[:at]

    def _flattened(self, schema: Schema, draw: int, depth: int) -> Iterator[Schema]:
        """Yield the schema with its reference, its `allOf` and one branch each of the rest merged into it."""
        plain: Schema = {key: part for key, part in schema.items() if key not in {*_LOGIC, *_AFTER_LOGIC}}
        parts = listed(schema, "allOf")
        if "$ref" in schema:
            parts = [*parts, resolve(self._root, schema["$ref"])]
        dependent = schema.get("dependentSchemas")
        if isinstance(dependent, Mapping):
            parts = [*parts, *(part for name, part in dependent.items() if name in listed(schema, "required"))]
        self._spend(len(parts))
        for part in parts:
            plain = merged(plain, part)
        refused = negations(schema["not"]) if "not" in schema else []
        ways = [True, *refused], self._conditions(schema), self._any_of(schema, draw, depth)
        for chosen in product(*ways, self._one_of(schema, draw, depth)):
            self._spend(1)
            flat = plain
            for part in chosen:
                flat = merged(flat, part)
            yield flat

    def _conditions(self, schema: Schema) -> list[object]:
        """Return the ways in which an `if` can be met, or not."""
        if "if" not in schema:
            return [True]
        unmet = [merged(way, schema.get("else", True)) for way in negations(schema["if"])]
        return [merged(schema["if"], schema.get("then", True)), merged({}, schema.get("else", True)), *unmet]

    def _any_of(self, schema: Schema, draw: int, depth: int) -> list[object]:
        return self._turned(listed(schema, "anyOf"), draw, depth) or [True]

    def _one_of(self, schema: Schema, draw: int, depth: int) -> list[object]:
        branches = listed(schema, "oneOf")
        turned = self._turned(branches, draw, depth)
        alone = (
            merged(branch, way)
            for branch in turned
            for way in none_of([other for other in branches if other is not branch][:_MOST_ALONE])
        )
        return [*turned, *islice(alone, _MOST_ALONE)] or [True]

    def _turned(self, branches: list[object], draw: int, depth: int) -> list[object]:
        """Begin with another branch for another draw; deep down, with those that lead no deeper."""
        self._spend(len(branches) // _CHARACTERS)
        if depth > self._deepest // 3:
            return sorted(branches, key=_weight)
        useful = [branch for branch in branches if not (isinstance(branch, Mapping) and branch.get("type") == "null")]
        nothing = [branch for branch in branches if branch not in useful]
        at = draw % len(useful) if useful else 0
        return [*useful[at:], *useful[:at], *nothing]

    def _plain(self, schema: Schema, draw: int, depth: int) -> Iterator[object]:
        for kind in _kinds(schema, draw):
            made: Iterable[object]
            if kind == "object":
                made = objects(self, schema, draw, depth, optional=depth <= self._deepest // 2)
            elif kind == "array":
                made = arrays(self, schema, draw, depth, optional=depth <= self._deepest // 2)
            else:
                self._spend(_PATTERN_STEPS if "pattern" in schema else 0)
                made = scalars(kind, schema, draw)
            for value in made:
                self._spend(len(value) // _CHARACTERS if isinstance(value, str) else 0)
                yield value

    def _spend(self, steps: int) -> None:
        self._budget -= steps
        if self._budget < 0:
            raise NothingFits


def _weight(branch: object) -> int:
    """Return how deep a branch may lead: the least for a plain value, the most for a reference."""
    if not isinstance(branch, Mapping) or "const" in branch or "enum" in branch:
        return 0
    text = str(branch)
    return len(text) + (1_000_000 if "$ref" in text else 0)


def _kinds(schema: Schema, draw: int) -> list[str]:
    """Return the JSON types to make, in the order to try them: those named, or those that the keywords speak of."""
    given = schema.get("type")
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given:
        kinds = [str(kind) for kind in given if kind != "null"]
        at = draw % len(kinds) if kinds else 0
        return [*kinds[at:], *kinds[:at], *("null" for kind in given if kind == "null")]
    spoken = [kind for kind, keywords in _TELLTALES.items() if not keywords.isdisjoint(schema)]
    return list(dict.fromkeys(chain(spoken, ("string", "integer", "object", "array"))))


_TELLTALES: dict[str, frozenset[str]] = {
    "object": frozenset(
        {"properties", "required", "additionalProperties", "minProperties", "patternProperties", "propertyNames"}
    ),
    "array": frozenset({"items", "prefixItems", "minItems", "contains"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}
