"""What answers are held to: the schema that a spec's `response` says, or the one that its requests name themselves.

A verdict depends on the schema and the answer alone, so that it can be remembered, and found again by anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from batchspec.core.answer_json import answer_json
from batchspec.core.canonical import Pointer
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import encode, parse
from batchspec.core.origin import holds_template
from batchspec.core.prompting import SpecReader
from batchspec.core.schema import SchemaChecker, SchemaProblem, is_valid_schema

_TAG = b"batchspec/check/1\0"
_IN_THE_REQUEST: tuple[tuple[str, ...], ...] = (
    ("response_format", "json_schema", "schema"),
    ("completion_args", "response_format", "json_schema", "schema"),
)
_PLACE: Pointer = ("response", "json_schema")
_MOST_TOLD = 3
_LONGEST_TOLD = 500

CUT = "length"
"""The finish reason of an answer that was cut off: at `max_tokens`, or where the model's room ended."""

ORDINARY = frozenset({"stop", "tool_calls"})
"""The finish reasons of an answer that came to its own end."""


class OnInvalid(StrEnum):
    """What becomes of an answer that does not fit: it counts as failed, is asked for again, or is kept as it is."""

    FAIL = "fail"
    RETRY = "retry"
    KEEP = "keep"


class ResponseRules(NamedTuple):
    """What a spec says of its answers; without a `schema` any will do."""

    schema: Mapping[str, object] | None = None
    on_invalid: OnInvalid = OnInvalid.FAIL


ANY_ANSWER = ResponseRules()


def read_response(written: object, body: object, reader: SpecReader) -> ResponseRules:
    """Read a spec's `response`, reporting what is wrong with it; `body` is its request body, templates and all.

    Without a schema of its own the requests' is meant, unless a template makes it; `json_schema: false` means none.
    """
    options: Mapping[str, object] = written if isinstance(written, dict) else {}
    on_invalid = OnInvalid(str(options.get("on_invalid", OnInvalid.FAIL)))
    if "json_schema" not in options:
        return ResponseRules(_of_the_request(body), on_invalid)
    schema = reader.resolve(options["json_schema"], _PLACE, _PLACE)
    if schema is False:
        return ResponseRules(None, on_invalid)
    if holds_template(schema):
        hint = "write it out, or wrap what is meant so in {% raw %}"
        summary = "the schema for answers holds a template, and is one for all rows"
        reader.report(_PLACE, "response-schema", summary, hint=hint)
        return ResponseRules(None, on_invalid)
    for problem in is_valid_schema(schema):
        place = (*_PLACE, *problem.pointer)
        reader.report(place, problem.kind, problem.message, detail=problem.detail, hint=problem.hint)
    return ResponseRules(schema if isinstance(schema, dict) else None, on_invalid)


def _of_the_request(body: object) -> Mapping[str, object] | None:
    for place in _IN_THE_REQUEST:
        node = body
        for step in place:
            node = node.get(step) if isinstance(node, Mapping) else None
        if isinstance(node, dict) and not holds_template(node):
            return node
    return None


class AnswerCheck:
    """Judges the answers of one endpoint by a schema. `id` is what its verdicts are remembered under."""

    def __init__(self, endpoint: str, schema: Mapping[str, object]) -> None:
        self.id = hashlib.sha256(_TAG + encode([endpoint, schema])).digest()[:16]
        self._text = endpoint_at(endpoint).answer_text
        self._checker = SchemaChecker(schema)

    def problem(self, body: bytes | None) -> str | None:
        """Return what is wrong with an answer, in words for its output row; None where it fits."""
        answer = None if body is None else parse(body)
        found = None if (text := self._text(answer)) is None else answer_json(text)
        if found is None:
            told = "the answer has no text" if text is None else "the answer holds no JSON"
        else:
            problems = self._checker.check(found.value)
            if not problems:
                return None
            told = "; ".join(map(_words, problems[:_MOST_TOLD]))
            if len(problems) > _MOST_TOLD:
                told += f"; and {len(problems) - _MOST_TOLD} more"
        cut = "cut off, since `max_tokens` or the model's room ran out: " if finish_reason(answer) == CUT else ""
        return (cut + told)[:_LONGEST_TOLD]


def _words(problem: SchemaProblem) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.pointer)
    return f"json{place}: {problem.message}"


def finish_reason(body: object) -> str | None:
    """Return why an answer ended, by its first choice; None for an endpoint that does not say."""
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, dict) else None
    if not isinstance(reason, str):
        return None
    return CUT if reason == "model_length" else reason
