"""The API's JSON read into the model's values: leniently where a field is missing or null, never where it is wrong.

Shapes are those of the public OpenAPI document (`BatchJob`, `FileSchema`, the two lists).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple, TypeVar

from batchspec.core import json_text
from batchspec.core.errors import ProviderError
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest, RemoteFile
from batchspec.core.model_cards import ModelCard
from batchspec.mistral.answer_text import clean

T = TypeVar("T")

_HINT = "this version may be too old for the provider's API, or MISTRAL_BASE_URL names something else"


_LARGEST = 2**53
_LAST_MOMENT = 253_402_300_799
"""The end of the year 9999."""
_IDENTIFIER = re.compile(r"(?!\.+\Z)[A-Za-z0-9._:~-]{1,200}", re.ASCII)


def is_identifier(text: str) -> bool:
    """Tell whether a text can be an id: no slash, no query, and nothing that a URL parser resolves away."""
    return _IDENTIFIER.fullmatch(text) is not None


class Page(NamedTuple):
    """One page of a list. `total` is the provider's count of the whole list, where it gives one."""

    items: tuple[object, ...]
    total: int | None


def parse_json(body: bytes) -> object:
    """Read an answer's body. Raises ProviderError where it is not JSON."""
    try:
        return json_text.parse(body)
    except json_text.JsonError:
        raise ProviderError("the provider's answer is not JSON", hint=_HINT) from None


def write_job_request(request: JobRequest) -> bytes:
    """Return the JSON that creates a job (`CreateBatchJobRequest`)."""
    fields: dict[str, object] = {"endpoint": request.endpoint, "timeout_hours": request.timeout_hours}
    if request.agent_id is not None:
        fields["agent_id"] = request.agent_id
    else:
        fields["model"] = request.model
    if request.metadata:
        fields["metadata"] = dict(request.metadata)
    if not request.requests:
        fields["input_files"] = list(request.input_files)
        return json_text.encode(fields)
    # The requests go out as the very bytes that their digests were made of.
    head = json_text.encode(fields).removesuffix(b"}")
    return head + b',"requests":[' + b",".join(request.requests) + b"]}"


def read_job(value: object) -> BatchJob:
    """Read a job. Raises ProviderError that names the field which is wrong."""
    fields = _Fields("batch job", value)
    status = fields.text("status") or ""
    return BatchJob(
        id=fields.identifier("id"),
        status=BatchJobStatus.read(status),
        status_text=clean(status, 60),
        endpoint=fields.text("endpoint") or "",
        model=fields.text("model") or None,
        agent_id=fields.text("agent_id") or None,
        input_files=fields.identifiers("input_files"),
        metadata=_metadata(fields),
        output_file=fields.optional_identifier("output_file"),
        error_file=fields.optional_identifier("error_file"),
        errors=_errors(fields),
        created_at=fields.moment("created_at") or 0,
        started_at=fields.moment("started_at"),
        completed_at=fields.moment("completed_at"),
        total_requests=fields.integer("total_requests") or 0,
        completed_requests=fields.integer("completed_requests") or 0,
        succeeded_requests=fields.integer("succeeded_requests") or 0,
        failed_requests=fields.integer("failed_requests") or 0,
    )


def read_outputs(value: object) -> tuple[object, ...]:
    """Read the answers that a job holds itself when it is asked for with `inline=true`."""
    return _Fields("batch job", value).items("outputs") or ()


def read_file(value: object) -> RemoteFile:
    """Read a file. Raises ProviderError that names the field which is wrong."""
    fields = _Fields("file", value)
    return RemoteFile(
        id=fields.identifier("id"),
        filename=fields.text("filename") or "",
        size=fields.integer("bytes"),
        lines=fields.integer("num_lines"),
        created_at=fields.moment("created_at"),
        purpose=fields.text("purpose"),
    )


def read_models(value: object) -> tuple[ModelCard, ...]:
    """Read the list of models (`ModelList`). A day that is no day is not told; all else must be of its type."""
    return tuple(_model(item) for item in read_page(value).items)


def _model(value: object) -> ModelCard:
    fields = _Fields("model", value)
    return ModelCard(
        id=fields.required_text("id"),
        name=fields.text("name"),
        aliases=fields.texts("aliases"),
        deprecation=_day(fields.text("deprecation")),
        replacement=fields.text("deprecation_replacement_model") or None,
    )


def _day(moment: str | None) -> str | None:
    """Return the day of a moment as RFC 3339 writes it."""
    try:
        return None if moment is None else date.fromisoformat(moment[:10]).isoformat()
    except ValueError:
        return None


def read_page(value: object) -> Page:
    """Read a page of a list. Raises ProviderError for an object that is no list: it must not pass for an empty one."""
    fields = _Fields("list", value)
    total = fields.integer("total")
    items = fields.items("data")
    if items is None and total != 0:
        raise fields.wrong("data", "is missing")
    return Page(items or (), total)


def _metadata(fields: _Fields) -> Mapping[str, str]:
    """Keep strings as they are; what another client put there in another type is kept as its JSON text."""
    found = fields.mapping("metadata")
    return {
        name: value if isinstance(value, str) else json_text.encode(value).decode("utf-8")
        for name, value in found.items()
        if value is not None
    }


def _errors(fields: _Fields) -> tuple[str, ...]:
    return tuple(_error(item) for item in fields.items("errors") or ())


def _error(value: object) -> str:
    """Read `BatchError`: a message, and how often it arose."""
    if isinstance(value, str):
        return clean(value)
    fields = _Fields("batch job's error", value)
    message, count = clean(fields.text("message") or "no message"), fields.integer("count") or 1
    return message if count == 1 else f"{message} ({count} times)"


class _Fields:
    """One JSON object's fields, each read as a type or refused by name; null is the same as missing."""

    def __init__(self, what: str, value: object) -> None:
        self._what = what
        if not isinstance(value, Mapping):
            raise ProviderError(f"the provider's {what} is not a JSON object", hint=_HINT)
        self._value: Mapping[str, object] = value

    def wrong(self, name: str, problem: str) -> ProviderError:
        return ProviderError(f"the provider's {self._what}: `{name}` {problem}", hint=_HINT)

    def required_text(self, name: str) -> str:
        found = self.text(name)
        if not found:
            raise self.wrong(name, "is missing")
        return found

    def identifier(self, name: str) -> str:
        """Return an id that is safe in an address, in a file's name and on a terminal."""
        found = self.required_text(name)
        if not is_identifier(found):
            raise self.wrong(name, f"is `{clean(found, 60)}`, which is no id")
        return found

    def optional_identifier(self, name: str) -> str | None:
        return self.identifier(name) if self.text(name) else None

    def identifiers(self, name: str) -> tuple[str, ...]:
        found = self.texts(name)
        for each in found:
            if not is_identifier(each):
                raise self.wrong(name, f"holds `{clean(each, 60)}`, which is no id")
        return found

    def text(self, name: str) -> str | None:
        return self._typed(name, "a string", lambda value: value if isinstance(value, str) else None)

    def integer(self, name: str) -> int | None:
        return self._typed(name, "a whole number", _integer)

    def moment(self, name: str) -> int | None:
        return self._typed(name, "a time in seconds", _moment)

    def texts(self, name: str) -> tuple[str, ...]:
        items = self.items(name) or ()
        found = tuple(item for item in items if isinstance(item, str))
        if len(found) != len(items):
            raise self.wrong(name, "is not a list of strings")
        return found

    def items(self, name: str) -> tuple[object, ...] | None:
        return self._typed(name, "a list", lambda value: tuple(value) if isinstance(value, list) else None)

    def mapping(self, name: str) -> Mapping[str, object]:
        return self._typed(name, "an object", lambda value: value if isinstance(value, Mapping) else None) or {}

    def _typed(self, name: str, kind: str, read: Callable[[object], T | None]) -> T | None:
        value = self._value.get(name)
        if value is None:
            return None
        found = read(value)
        if found is None:
            raise self.wrong(name, f"is not {kind}")
        return found


def _integer(value: object) -> int | None:
    """Return a number that is whole and that a double holds exactly, which any count is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return int(value) if value == int(value) else None


def _moment(value: object) -> int | None:
    """Return a time in seconds that a calendar has."""
    seconds = _integer(value)
    return seconds if seconds is not None and 0 <= seconds <= _LAST_MOMENT else None
