"""`response_format`, wherever a body has one: what form it asks for, and JSON text of that form."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from batchspec.core.json_text import encode
from batchspec.emulator.answers.draws import Draw, Ends
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body
from batchspec.emulator.answers.schema_documents import document


class Format(NamedTuple):
    """The form asked for: text, json_object, or json_schema with its schema."""

    kind: str = "text"
    schema: object = None


_TEXT = Format()


def read_format(body: Body, name: str = "response_format") -> Format:
    """Read the field `name`. Raises AnswerError."""
    given = body.get(name)
    if given is None:
        return _TEXT
    kind = given.get("type", "text") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(kind, str) or kind not in {"text", "json_object", "json_schema"}:
        raise AnswerError(f"`{name}.type` must be text, json_object or json_schema")
    if kind != "json_schema":
        return Format(kind)
    named = given.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise AnswerError(f"`{name}.json_schema.schema` must be an object, a JSON Schema")
    return Format(kind, schema)


def written(schema: object, number: int) -> str:
    """Return a document that fits the schema, as JSON text, the same for the same number.

    Raises AnswerError where there is none.
    """
    ends = _ends_of(encode(schema))
    found = ends.find(number)
    if found is None:
        draw = Draw(number)
        try:
            found = encode(document(schema, draw)).decode()
        except AnswerError as error:
            found = error
        ends.keep(draw, found)
    if isinstance(found, AnswerError):
        raise found.with_traceback(None)
    return found


@lru_cache(maxsize=64)
def _ends_of(schema: bytes) -> Ends[str | AnswerError]:  # noqa: ARG001 - the cache is what it is for
    return Ends()
