"""The words that batchspec speaks: specs' parts, requests, shards, claims, jobs, outcomes.

Plain immutable values, standard library only. Nothing in here reads, writes or decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

BodyDigest = NewType("BodyDigest", bytes)
"""SHA-256 of a canonical body, 32 bytes."""

RequestDigest = NewType("RequestDigest", bytes)
"""A request's identity: the first 16 bytes of a SHA-256, see `core.canonical`."""

ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/fim/completions",
    "/v1/moderations",
    "/v1/chat/moderations",
    "/v1/ocr",
    "/v1/classifications",
    "/v1/chat/classifications",
    "/v1/conversations",
    "/v1/audio/transcriptions",
)
"""Every endpoint that Mistral's batch API takes (its OpenAPI document, `ApiEndpoint`)."""


AGENT_PREFIX = "agent:"
"""Where a model is named, an agent stands as this and its id; no model's name begins so."""


class Target(NamedTuple):
    """What a body is sent to: a model, and which edition (`revision`) and which sample (`replicate`) is meant.

    The three are part of a request's identity; both numbers begin at 0.
    """

    model: str
    revision: int = 0
    replicate: int = 0


class Absence(NamedTuple):
    """Why a row that another spec's answer is to be joined to has none.

    `spec` is the other spec, and `custom_id` and `status` are those of its request, "pending" where it may still be
    answered. `rows` is how many rows will come of it then.
    """

    spec: str
    custom_id: str
    status: str
    rows: int = 1

    @property
    def waits(self) -> bool:
        """Whether the answer may still come by itself."""
        return self.status == "pending"


class InputRow(NamedTuple):
    """One row of input: its columns, and the file and line (from 1) where it begins.

    A row with an `absent` makes no request: what it is to be joined to is not there.
    """

    values: Mapping[str, object]
    path: str
    line: int
    absent: Absence | None = None

    @property
    def place(self) -> str:
        """`path:line`, as shown to people."""
        return f"{self.path}:{self.line}"


class BatchJobStatus(StrEnum):
    """The seven statuses of the API, and one for what a later API may add."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT_EXCEEDED = "TIMEOUT_EXCEEDED"
    CANCELLATION_REQUESTED = "CANCELLATION_REQUESTED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def read(cls, text: str) -> BatchJobStatus:
        """Read the API's word; one that is not known is UNKNOWN and counts as in flight."""
        return cls(text) if text in cls.__members__ else cls.UNKNOWN

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self in _ENDED


_ENDED = frozenset(
    {BatchJobStatus.SUCCESS, BatchJobStatus.FAILED, BatchJobStatus.TIMEOUT_EXCEEDED, BatchJobStatus.CANCELLED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file at the provider. `size` is in bytes; size and `lines` are None where the provider does not say.

    `sha256` (hexadecimal) is of the bytes that an upload really sent; None for a file that was only looked up.
    """

    id: str
    filename: str
    size: int | None = None
    lines: int | None = None
    created_at: int | None = None
    purpose: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What creating a job sends: `model` or `agent_id`, uploaded `input_files` or inline `requests`.

    A request is the JSON of one line, `{"custom_id":…,"body":…}`; the API takes at most 10,000 of them inline, and
    `timeout_hours` from 1 to 168.
    """

    endpoint: str
    model: str | None = None
    agent_id: str | None = None
    input_files: tuple[str, ...] = ()
    requests: tuple[bytes, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    timeout_hours: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A batch job as the provider tells it. Times are Unix seconds; counters are 0 just after creation.

    `status_text` keeps the provider's own word, for a status that this version does not know.
    """

    id: str
    status: BatchJobStatus
    status_text: str
    endpoint: str
    model: str | None = None
    agent_id: str | None = None
    input_files: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    output_file: str | None = None
    error_file: str | None = None
    errors: tuple[str, ...] = ()
    created_at: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    total_requests: int = 0
    completed_requests: int = 0
    succeeded_requests: int = 0
    failed_requests: int = 0


class Usage(NamedTuple):
    """Tokens as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineRows:
    """Rows that a spec holds itself; `path` and `line` of each are the spec's."""

    rows: tuple[InputRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """Rows in files.

    `pattern` is a path or a glob, POSIX, relative to the project's root, or an address where `remote` says so;
    `format` is a suffix without its dot ("csv", "jsonl", …) or None to go by the file's name; `place` is where the
    spec says so, for diagnostics, and `format_place` where it says the format.
    """

    pattern: str
    place: tuple[str, int, int]
    format: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    remote: bool = False
    format_place: tuple[str, int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileList:
    """A row for each file that a glob matches; `pattern` and `place` are as for InputFiles.

    `spec` is the path of the spec, from which templates name files; `place` may be in a file that it extends.
    """

    pattern: str
    place: tuple[str, int, int]
    spec: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlQuery:
    """The rows that a query gives; `place` is where the spec holds it, and its paths are relative to that spec."""

    sql: str
    place: tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecResults:
    """The rows of another spec of the project, each with what was answered to it, as a column named `alias`.

    `place` is where the spec names it.
    """

    spec: str
    alias: str
    place: tuple[str, int, int]


Inputs = InlineRows | InputFiles | FileList | SqlQuery | SpecResults


class PlanUse(NamedTuple):
    """When a saved plan was begun to be applied and, if it was, when all that it holds was sent. Unix seconds."""

    begun_at: float
    finished_at: float | None
