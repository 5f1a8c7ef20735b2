"""What creating a job asks for: the body of POST /v1/batch/jobs, read strictly, refused as the service refuses it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.model import ENDPOINTS
from batchspec.emulator.answers import ANSWERERS
from batchspec.emulator.refusals import FieldFault

_MOST_INLINE = 10_000
_LONGEST_KEY = 32
_LONGEST_VALUE = 512
_MOST_HOURS = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to create: either `input_files` (ids) or `requests` (inline lines as JSON objects)."""

    endpoint: str
    model: str | None
    agent_id: str | None
    input_files: tuple[str, ...]
    requests: tuple[Mapping[str, object], ...] | None
    metadata: Mapping[str, str] | None
    timeout_hours: int


def read_new_job(value: object) -> NewJob:
    """Read the body. Raises FieldFault, naming the field."""
    if not isinstance(value, dict):
        raise FieldFault(("body",), "Input should be an object", "dict_type")
    model = _text(value, "model")
    agent_id = _text(value, "agent_id")
    if model is None and agent_id is None:
        raise FieldFault(("body", "model"), "Either model or agent_id is required", "missing")
    files, requests = value.get("input_files"), value.get("requests")
    if bool(files) == bool(requests):
        raise FieldFault(("body", "input_files"), "Exactly one of input_files and requests is required")
    return NewJob(
        endpoint=_endpoint(value.get("endpoint")),
        model=model,
        agent_id=agent_id,
        input_files=_files(files) if files else (),
        requests=_requests(requests) if requests else None,
        metadata=_metadata(value.get("metadata")),
        timeout_hours=_hours(value.get("timeout_hours", 24)),
    )


def _text(value: Mapping[str, object], name: str) -> str | None:
    given = value.get(name)
    if given is not None and not (isinstance(given, str) and given):
        raise FieldFault(("body", name), "Input should be a non-empty string", "string_type")
    return given


def _endpoint(given: object) -> str:
    place = ("body", "endpoint")
    if given is None:
        raise FieldFault(place, "Field required", "missing")
    if not isinstance(given, str) or given not in ENDPOINTS:
        raise FieldFault(place, f"Not an endpoint of the batch API; {did_you_mean(str(given), ENDPOINTS)}", "enum")
    if given not in ANSWERERS:
        raise FieldFault(place, f"The emulator has no answers for {given}; it has them for {', '.join(ANSWERERS)}")
    return given


def _files(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise FieldFault(("body", "input_files"), "Input should be a list of file ids", "list_type")
    for index, file_id in enumerate(given):
        try:
            uuid.UUID(file_id)
        except (ValueError, AttributeError, TypeError):
            raise FieldFault(("body", "input_files", index), "Input should be a valid UUID", "uuid_parsing") from None
    return tuple(given)


def _requests(given: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(given, list):
        raise FieldFault(("body", "requests"), "Input should be a list", "list_type")
    if len(given) > _MOST_INLINE:
        raise FieldFault(("body", "requests"), f"List should have at most {_MOST_INLINE} items", "too_long")
    for index, request in enumerate(given):
        if not isinstance(request, dict) or not isinstance(request.get("body"), dict):
            raise FieldFault(("body", "requests", index, "body"), "Input should be an object", "dict_type")
        if not isinstance(request.get("custom_id"), str | None):
            raise FieldFault(("body", "requests", index, "custom_id"), "Input should be a string", "string_type")
    return tuple(given)


def _metadata(given: object) -> Mapping[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise FieldFault(("body", "metadata"), "Input should be an object", "dict_type")
    for key, value in given.items():
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise FieldFault(("body", "metadata", key), f"Keys should have 1 to {_LONGEST_KEY} characters")
        if not isinstance(value, str):
            raise FieldFault(("body", "metadata", key), "Input should be a string", "string_type")
        if not 1 <= len(value) <= _LONGEST_VALUE:
            raise FieldFault(("body", "metadata", key), f"Values should have 1 to {_LONGEST_VALUE} characters")
    return given


def _hours(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= _MOST_HOURS:
        raise FieldFault(("body", "timeout_hours"), f"Input should be a whole number from 1 to {_MOST_HOURS}")
    return given
