"""A plan as a file: what would be sent, by digests and reasons, without a word of a prompt or a row.

JSON Lines: a header, a line for each spec, lines of digests, and an end with the SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from batchspec.core.canonical import REQUEST_DIGEST_BYTES
from batchspec.core.json_text import JsonError, encode, parse
from batchspec.core.manifest import combined
from batchspec.core.model import RequestDigest
from batchspec.core.records import WritesBytes

FORMAT = "batchspec-plan"
FORMAT_VERSION = "1.0"
BEGINNING = b'{"format":"batchspec-plan",'
"""What such a file begins with, by which it is told from a spec."""

_VERSION = (1, 0)
_DIGESTS_PER_LINE = 1_000
_LONGEST_LINE = 64_000_000
_MOST_LISTED = 1_000
_LONGEST_WORD = 64


class Batch(NamedTuple):
    """What planned requests have in common. `variant` is the mark of their variant; `tries` counts the earlier ones."""

    spec: str
    variant: str
    model: str
    revision: int
    replicate: int
    action: str
    reason: str
    tries: int


class RequestTable(Protocol):
    """The requests of one plan, kept on disk: each once, with its batch."""

    def add(self, batch: Batch, digests: Sequence[RequestDigest]) -> None:
        """Keep requests. Raises ValueError for one that is there already."""
        ...

    def found(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Batch]:
        """Return those of these requests that are in the table."""
        ...

    def batches(self, most: int) -> Iterator[tuple[Batch, list[RequestDigest]]]:
        """Yield everything, at most so many digests at once, batch by batch and in the order of the digests."""
        ...


class PlanBook(Protocol):
    """What a plan is told, and asked, while it is made."""

    def left(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Return those of these requests that are not to be sent by this run, whatever the plan would do."""
        ...

    def note(self, batch: Batch, digest: RequestDigest) -> None:
        """Take note of a request that the plan sends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The options that a plan was made with: spec files relative to the root, and where variables came from.

    `environment` and `var_files` hold the SHA-256 of each value or file; values of `var` stand as they were given.
    `env` is the environment that specs were read in, if one was chosen.
    """

    specs: tuple[str, ...]
    var: tuple[str, ...] = ()
    var_files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    env: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSpec:
    """One spec of a plan. `rows` is a digest of its rows, `sources` and `inputs` the SHA-256 of its files by path.

    `plan` is its part of `plan --json`, without what its matrix spells out.
    """

    name: str
    path: str
    rows: str
    sources: Mapping[str, str]
    inputs: Mapping[str, str] | None
    plan: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A saved plan but for its requests. `created_at` is Unix time in seconds, `project` the id that jobs bear."""

    id: str
    created_at: float
    batchspec_version: str
    project: str
    provider: str
    refreshed: bool
    made: Made
    specs: tuple[SavedSpec, ...]
    summary: Mapping[str, object]


class SavedPlanError(ValueError):
    """A file that is no whole plan of a version that is known here; `newer` where that is what is wrong."""

    def __init__(self, message: str, *, newer: bool = False) -> None:
        super().__init__(message)
        self.newer = newer


def variant_key(label: str) -> str:
    """Return what stands for a variant in a plan: its label spells out the matrix, which may hold prompts."""
    return hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:16] if label else ""


def without_texts(spec: Mapping[str, object]) -> dict[str, object]:
    """Return a spec's part of `plan --json`, in which text of a matrix that is more than a word is a digest."""
    variants = spec.get("variants")
    told = [{**each, "matrix": _named(each["matrix"])} for each in variants] if isinstance(variants, list) else []
    return {**spec, "variants": told}


def _named(matrix: Mapping[str, object]) -> dict[str, object]:
    return {name: _word(value) for name, value in matrix.items()}


def _word(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_WORD and not any(map(str.isspace, value)):
        return value
    return {"sha256": hashlib.sha256(encode(value)).hexdigest()}


def write_plan(stream: WritesBytes, plan: SavedPlan, requests: RequestTable) -> None:
    """Write a plan and its requests."""
    lines = _Lines(stream)
    header: dict[str, object] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    header |= {name: getattr(plan, name) for name in ("id", "created_at", "batchspec_version", "project", "provider")}
    lines.add({**header, "refreshed": plan.refreshed, "made": asdict(plan.made), "summary": dict(plan.summary)})
    for spec in plan.specs:
        inputs = None if spec.inputs is None else _files(spec.inputs)
        lines.add({"spec": dict(spec.plan), "rows": spec.rows, "sources": _files(spec.sources), "inputs": inputs})
    for batch, digests in requests.batches(_DIGESTS_PER_LINE):
        lines.add({"requests": batch._asdict(), "digests": [digest.hex() for digest in digests]})
    lines.end()


def _files(digests: Mapping[str, str]) -> dict[str, object]:
    listed = {path: digests[path] for path in sorted(digests)[:_MOST_LISTED]}
    return {"sha256": combined(digests), "count": len(digests), "files": listed}


class _Lines:
    def __init__(self, stream: WritesBytes) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def add(self, value: object) -> None:
        line = encode(value) + b"\n"
        self._digest.update(line)
        self._stream.write(line)

    def end(self) -> None:
        self._stream.write(encode({"end": self._digest.hexdigest()}) + b"\n")


def read_plan(stream: BinaryIO, requests: RequestTable) -> SavedPlan:
    """Read a plan, and its requests into a table. Raises SavedPlanError, and says why, for what is not one."""
    lines = _checked(stream)
    header = next(lines, None)
    if header is None or header.get("format") != FORMAT:
        raise SavedPlanError("it does not begin as a saved plan does")
    _refuse_newer(header)
    specs: list[SavedSpec] = []
    for line in lines:
        if "spec" in line:
            specs.append(_spec(line))
        elif "requests" in line:
            _add_requests(line, requests)
        else:
            raise SavedPlanError("a line of it is of no known kind")
    made = _mapping(header, "made")
    return SavedPlan(
        id=_text(header, "id"),
        created_at=_number(header, "created_at"),
        batchspec_version=_text(header, "batchspec_version"),
        project=_text(header, "project"),
        provider=_text(header, "provider"),
        refreshed=header.get("refreshed") is True,
        made=Made(
            specs=_texts(made, "specs"),
            var=_texts(made, "var"),
            var_files=_digests(made, "var_files"),
            environment=_digests(made, "environment"),
            env=None if made.get("env") is None else _text(made, "env"),
        ),
        specs=tuple(specs),
        summary=_mapping(header, "summary"),
    )


def _checked(stream: BinaryIO) -> Iterator[Mapping[str, object]]:
    """Yield the lines of a file before its end, which has to be there and to fit what comes before it."""
    digest = hashlib.sha256()
    while raw := stream.readline(_LONGEST_LINE):
        if not raw.endswith(b"\n"):
            raise SavedPlanError("it is cut off")
        try:
            line = parse(raw)
        except JsonError:
            raise SavedPlanError("a line of it is not JSON") from None
        if not isinstance(line, dict):
            raise SavedPlanError("a line of it is no JSON object")
        if "end" not in line:
            digest.update(raw)
            yield line
        elif line["end"] != digest.hexdigest():
            raise SavedPlanError("it was changed after it was made: its SHA-256 does not fit")
        elif stream.read(1):
            raise SavedPlanError("something stands after its end")
        else:
            return
    raise SavedPlanError("it is cut off")


def _refuse_newer(header: Mapping[str, object]) -> None:
    told = _text(header, "format_version")
    try:
        version = tuple(int(part) for part in told.split("."))
    except ValueError:
        raise SavedPlanError("it does not say of which version it is") from None
    if version > _VERSION:
        raise SavedPlanError(f"it is of version {told}, and this batchspec reads up to {FORMAT_VERSION}", newer=True)


def _spec(line: Mapping[str, object]) -> SavedSpec:
    plan = _mapping(line, "spec")
    inputs = line.get("inputs")
    return SavedSpec(
        name=_text(plan, "name"),
        path=_text(plan, "path"),
        rows=_text(line, "rows"),
        sources=_digests(_mapping(line, "sources"), "files"),
        inputs=None if inputs is None else _digests(_mapping(line, "inputs"), "files"),
        plan=plan,
    )


def _add_requests(line: Mapping[str, object], requests: RequestTable) -> None:
    told = _mapping(line, "requests")
    try:
        batch = Batch(
            spec=_text(told, "spec"),
            variant=_text(told, "variant"),
            model=_text(told, "model"),
            revision=_integer(told, "revision"),
            replicate=_integer(told, "replicate"),
            action=_text(told, "action"),
            reason=_text(told, "reason"),
            tries=_integer(told, "tries"),
        )
        digests = [RequestDigest(bytes.fromhex(each)) for each in _texts(line, "digests")]
        if any(len(digest) != REQUEST_DIGEST_BYTES for digest in digests):
            raise SavedPlanError("a digest of it is not of the right length")
        requests.add(batch, digests)
    except SavedPlanError:
        raise
    except ValueError:
        raise SavedPlanError("a digest of it is none, or stands in it twice") from None


def _wrong(key: str) -> SavedPlanError:
    return SavedPlanError(f"its `{key}` is missing or not what it should be")


def _text(holder: Mapping[str, object], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str):
        raise _wrong(key)
    return value


def _integer(holder: Mapping[str, object], key: str) -> int:
    value = holder.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(key)
    return value


def _number(holder: Mapping[str, object], key: str) -> float:
    value = holder.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(key)
    return float(value)


def _mapping(holder: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = holder.get(key)
    if not isinstance(value, dict):
        raise _wrong(key)
    return value


def _texts(holder: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = holder.get(key)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(key)
    return tuple(value)


def _digests(holder: Mapping[str, object], key: str) -> dict[str, str]:
    value = _mapping(holder, key)
    if not all(isinstance(each, str) for each in value.values()):
        raise _wrong(key)
    return {path: str(digest) for path, digest in value.items()}
