"""What the lists are asked for: query parameters read strictly, and turned into SQL conditions.

A condition is never pieced together from what a caller sent: values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from batchspec.core.model import BatchJobStatus
from batchspec.emulator.refusals import FieldFault

Query = MultiDict[str, str]

_PURPOSES = ("fine-tune", "batch", "ocr", "audio")
_SOURCES = ("upload", "repository", "mistral")
_SAMPLE_TYPES = ("pretrain", "instruct", "batch_request", "batch_result", "batch_error")
_STATUSES = tuple(status.value for status in BatchJobStatus if status is not BatchJobStatus.UNKNOWN)
_JOB_PARAMETERS = frozenset(
    {"page", "page_size", "model", "agent_id", "metadata", "created_after", "created_by_me", "status", "order_by"}
)
_LARGEST_NUMBER = 1_000_000_000


class Condition(NamedTuple):
    """One part of a WHERE clause and the values bound in it."""

    sql: str
    values: tuple[object, ...] = ()


class ListQuery(NamedTuple):
    """A page of a list: what is asked for, newest first or oldest first, and whether the total is wanted."""

    conditions: tuple[Condition, ...]
    page: int
    page_size: int
    newest_first: bool = True
    total: bool = True

    @property
    def where(self) -> str:
        """The WHERE clause; `values` are bound in it."""
        return " AND ".join(condition.sql for condition in self.conditions) or "1"

    @property
    def values(self) -> tuple[object, ...]:
        """The values bound in `where`, in its order."""
        return tuple(value for condition in self.conditions for value in condition.values)


def files_query(query: Query) -> ListQuery:
    """Read the parameters of GET /v1/files. Raises FieldFault."""
    conditions = [
        *_any_of(query, "purpose", _PURPOSES),
        *_any_of(query, "source", _SOURCES),
        *_any_of(query, "sample_type", _SAMPLE_TYPES),
        *_any_of(query, "mimetypes", None, column="mimetype"),
    ]
    search = query.get("search")
    if search:
        conditions.append(Condition("instr(lower(filename), lower(?)) > 0", (search,)))
    return ListQuery(tuple(conditions), *_page(query), total=flag(query, "include_total", default=True))


def jobs_query(query: Query, seen_before: float | None) -> ListQuery:
    """Read the parameters of GET /v1/batch/jobs; with `seen_before` (Unix time), younger jobs are not seen.

    A parameter that the API does not name is a metadata pair, as the official client sends them. `created_by_me` is
    true of every job: there is one user. Raises FieldFault.
    """
    flag(query, "created_by_me", default=False)
    order = query.get("order_by", "-created")
    if order not in {"created", "-created"}:
        raise FieldFault(("query", "order_by"), "Input should be 'created' or '-created'", "enum")
    conditions = [
        *_any_of(query, "status", _STATUSES),
        *_any_of(query, "model", None),
        *_any_of(query, "agent_id", None),
        *(_metadata_pair(key, value) for key, value in _metadata(query)),
    ]
    if seen_before is not None:
        conditions.append(Condition("created_at <= ?", (seen_before,)))
    after = query.get("created_after")
    if after is not None:
        conditions.append(Condition("created_at >= ?", (_time(after),)))
    return ListQuery(tuple(conditions), *_page(query), newest_first=order == "-created")


def flag(query: Query, name: str, *, default: bool) -> bool:
    """Read a boolean parameter. Raises FieldFault."""
    given = query.get(name)
    if given is None or given == "":
        return default
    if given.lower() not in {"true", "false", "1", "0"}:
        raise FieldFault(("query", name), "Input should be a valid boolean", "bool_parsing")
    return given.lower() in {"true", "1"}


def whole(query: Query, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number from `least` to `most`. Raises FieldFault."""
    given = query.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most):
        raise FieldFault(("query", name), f"Input should be a whole number from {least} to {most}", "int_parsing")
    return int(given)


def _page(query: Query) -> tuple[int, int]:
    page = whole(query, "page", 0, 0, _LARGEST_NUMBER)
    return page, whole(query, "page_size", 100, 1, _LARGEST_NUMBER)


def _any_of(query: Query, name: str, allowed: tuple[str, ...] | None, column: str | None = None) -> list[Condition]:
    given = query.getlist(name)
    for value in given:
        if allowed is not None and value not in allowed:
            choices = ", ".join(f"'{choice}'" for choice in allowed)
            raise FieldFault(("query", name), f"Input should be one of {choices}", "enum")
    if not given:
        return []
    return [Condition(f"{column or name} IN ({', '.join('?' * len(given))})", tuple(given))]


def _metadata(query: Query) -> Iterator[tuple[str, str]]:
    for key, value in query.items(multi=True):
        if key not in _JOB_PARAMETERS:
            yield key, value
    for text in query.getlist("metadata"):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise FieldFault(("query", "metadata"), "Input should be an object, written as JSON", "dict_type")
        for key, value in given.items():
            yield key, value if isinstance(value, str) else json.dumps(value)


def _metadata_pair(key: str, value: str) -> Condition:
    pair = "EXISTS (SELECT 1 FROM json_each(jobs.metadata) AS pair WHERE pair.key = ? AND pair.value = ?)"
    return Condition(pair, (key, value))


def _time(text: str) -> float:
    try:
        given = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise FieldFault(("query", "created_after"), "Input should be a valid datetime", "datetime_parsing") from None
    try:
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        raise FieldFault(("query", "created_after"), "Input is out of range", "datetime_parsing") from None
