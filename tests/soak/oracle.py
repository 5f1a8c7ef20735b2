"""Judges by the emulator's own books: what was executed twice without a reason, and what was paid for and is missing.

A request may be executed again where its earlier execution failed in passing, where its line is in no result file,
where what was known of it was really gone, or where somebody else sent it in the same moment. Nothing else is excused.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from soak.declaring import Declared

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_ENDED = frozenset({"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"})
SAME_MOMENT = 0.25
"""Seconds between an intent and its job's being seen, beside the list's lag, on a busy machine."""


@dataclass(slots=True, kw_only=True)
class Command:
    """A run of the program. `knower` is whose memory it has: the machine, and how often its state was taken away.

    `started` and `ended` are Unix seconds, `lag` the longest that the provider's list was behind meanwhile.
    """

    number: int
    knower: tuple[str, int]
    arguments: tuple[str, ...]
    started: float
    lag: float = 0
    ended: float | None = None
    code: int | None = None

    @property
    def clean(self) -> bool:
        """Whether it ended by itself and left nothing open."""
        return self.code in {0, 6, 10}


class Job(NamedTuple):
    """A job as the emulator keeps it; `by` is the number of the command that has sent it.

    `results` are its output file and its error file, with how many lines each has.
    """

    seq: int
    id: str
    model: str
    by: int
    status: str
    created_at: float
    completed_at: float | None
    files: frozenset[str]
    results: tuple[tuple[str, int], tuple[str, int]]
    deleted: bool

    @property
    def all_files(self) -> frozenset[str]:
        """Its input files and its result files."""
        return self.files | {file for file, _ in self.results}


@dataclass(slots=True)
class Delivery:
    """What an ended job's files held when they were first seen: bodies answered, and the statuses of the failed."""

    answered: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=dict)


class Repeat(NamedTuple):
    """A request that was executed in two jobs; `excuse` is empty where there is none."""

    body: bytes
    earlier: Job
    later: Job
    excuse: str

    def __str__(self) -> str:
        pair = f"{self.earlier.id} (command {self.earlier.by}) and {self.later.id} (command {self.later.by})"
        return f"request {self.body.hex()[:12]} of {self.earlier.model} was executed in {pair}: {self.excuse or 'why?'}"


class Executed(NamedTuple):
    """One execution of a request in a job."""

    job: Job
    succeeded: bool


class Oracle:
    """Reads the emulator's data folder. `look` has to be called after every command, since files go."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._delivered: dict[str, Delivery | None] = {}
        self._gone: dict[str, int] = {}

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        path = self._data / "emulator.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("PRAGMA query_only=ON")
            return connection.execute(sql).fetchall()

    def jobs(self) -> list[Job]:
        """Return every job there ever was, the oldest first."""
        sql = (
            "SELECT seq, id, coalesce(model, ''), metadata, status, created_at, completed_at, input_files, inline,"
            " output_id, output_lines, error_id, error_lines, deleted FROM jobs ORDER BY seq"
        )
        return list(map(_job, self._rows(sql)))

    def look(self, command: int) -> None:
        """Note what ended jobs have answered, and what is gone since this command."""
        gone = {row[0] for row in self._rows("SELECT id FROM files WHERE deleted")}
        for job in self.jobs():
            if job.status in _ENDED and job.id not in self._delivered:
                self._delivered[job.id] = self._read(job)
            if job.id not in self._gone and (job.deleted or gone & job.all_files):
                self._gone[job.id] = command

    def _read(self, job: Job) -> Delivery | None:
        if any(lines and not self._path(file).exists() for file, lines in job.results):
            return None
        (output, _), (error, _) = job.results
        answered = {_body_of(line) for line in self._lines(output)}
        return Delivery(frozenset(answered), {_body_of(line): _status_of(line) for line in self._lines(error)})

    def _path(self, file_id: str) -> Path:
        return self._data / "files" / file_id

    def _lines(self, file_id: str) -> Iterator[dict[str, Any]]:
        path = self._path(file_id)
        if path.exists():
            with path.open("rb") as stream:
                yield from map(json.loads, stream)

    def executions(self) -> dict[tuple[str, bytes], list[Executed]]:
        """Return, for each (model, body), its executions in the order in which their jobs were made."""
        jobs = {job.seq: job for job in self.jobs()}
        found: defaultdict[tuple[str, bytes], list[Executed]] = defaultdict(list)
        for seq, body, succeeded in self._rows("SELECT job, body, succeeded FROM executions ORDER BY job, line"):
            found[jobs[seq].model, body].append(Executed(jobs[seq], bool(succeeded)))
        return found

    def repeats(self, commands: Mapping[int, Command]) -> list[Repeat]:
        """Return every pair of executions of one request, with what excuses the later one."""
        found = []
        for (_, body), executed in self.executions().items():
            for index, later in enumerate(executed):
                for earlier in executed[:index]:
                    excuse = self._excuse(body, earlier, later.job, commands)
                    found.append(Repeat(body, earlier.job, later.job, excuse))
        return found

    def _excuse(self, body: bytes, earlier: Executed, later: Job, commands: Mapping[int, Command]) -> str:
        job = earlier.job
        first, second = commands.get(job.by), commands.get(later.by)
        if job.id == later.id or first is None or second is None:
            return ""
        if job.completed_at is not None and job.completed_at <= later.created_at:
            delivery = self._delivered.get(job.id)
            key = body.hex()[:24]
            if delivery is None:
                pass
            elif earlier.succeeded and key not in delivery.answered:
                return "no line returned"
            elif not earlier.succeeded and delivery.failed.get(key, 500) in _PASSING:
                return "failed in passing"
        strangers = first.knower != second.knower
        if self._gone.get(job.id, second.number + 1) <= second.number and (strangers or not first.clean):
            return "gone before it was known"
        if (not earlier.succeeded or job.id in self._gone) and _asked_for(first, second, commands):
            return "asked for"
        if strangers and second.started < job.created_at + second.lag + SAME_MOMENT:
            return "sent in the same moment"
        return ""

    def lost(self, specs: Iterable[Declared], outputs: Mapping[str, list[dict[str, object]]]) -> list[str]:
        """Return what is wrong with the outputs: rows without an end, and answers that are there and not in them."""
        executed = self.executions()
        wrong = []
        for spec in specs:
            # An apply that has nothing to send leaves the order of an earlier one.
            lines = sorted(outputs[spec.name], key=lambda line: (line["custom_id"], line["model"]))
            expected = sorted(spec.expected())
            if [(line["custom_id"], line["model"]) for line in lines] != [each[:2] for each in expected]:
                wrong.append(f"{spec.name}: its output has other rows than its input")
                continue
            for line, (custom_id, model, prompt, body) in zip(lines, expected, strict=True):
                status = line["status"]
                answered = [each.job.id for each in executed.get((model, body), ()) if self._has(each, body)]
                if status == "pending" or (status != "succeeded" and answered):
                    wrong.append(f"{spec.name}: {custom_id} of {model} is {status}; answered in {answered}")
                elif status == "succeeded" and (model, body) not in executed:
                    wrong.append(f"{spec.name}: {custom_id} of {model} has an answer, and was never executed")
                elif status == "succeeded" and prompt not in str(line["text"]):
                    wrong.append(f"{spec.name}: {custom_id} of {model} has the answer of another: {line['text']}")
        return wrong

    def _has(self, each: Executed, body: bytes) -> bool:
        delivery = self._delivered.get(each.job.id)
        if delivery is None or each.job.id in self._gone:
            return False
        return each.succeeded and body.hex()[:24] in delivery.answered

    def tally(self) -> Counter[str]:
        """Return how much was done in all."""
        executed = self.executions()
        return Counter(
            jobs=len(self.jobs()),
            executions=sum(map(len, executed.values())),
            requests=len(executed),
        )


def _asked_for(first: Command, second: Command, commands: Mapping[int, Command]) -> bool:
    """Tell whether somebody has said between two commands that requests without an answer be sent again."""
    return any(
        commands[number].arguments[0] == "retry"
        for number in range(first.number + 1, second.number)
        if number in commands
    )


def _job(row: tuple[Any, ...]) -> Job:
    seq, job_id, model, metadata, status, created_at, completed_at, files, inline, *results, deleted = row
    output, output_lines, error, error_lines = results
    return Job(
        seq=seq,
        id=job_id,
        model=model,
        by=int(json.loads(metadata or "{}").get("by", -1)),
        status=status,
        created_at=created_at,
        completed_at=completed_at,
        files=frozenset() if inline else frozenset(json.loads(files)),
        results=((output, output_lines), (error, error_lines)),
        deleted=bool(deleted),
    )


def _body_of(line: dict[str, Any]) -> str:
    return str(line["id"]).removeprefix("batch-")


def _status_of(line: dict[str, Any]) -> int:
    return int(line["response"]["status_code"])
