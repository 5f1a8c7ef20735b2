"""What each edit must cost, worked out by set difference, beside what the emulator's own books say that it did."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bill.specs import Drawn, Key, Line, Values


class Tried(NamedTuple):
    """How often a request was executed, and whether one of these gave an answer."""

    times: int = 0
    answered: bool = False


def read_books(data: Path) -> dict[Key, Tried]:
    """Return what the emulator has executed; a job's metadata say which revision and replicate its lines are."""
    with closing(sqlite3.connect(data / "emulator.db", timeout=30)) as connection:
        connection.execute("PRAGMA query_only=ON")
        found = connection.execute(
            "SELECT endpoint, model, metadata, body, count(*), max(executions.succeeded)"
            " FROM executions JOIN jobs ON jobs.seq = executions.job GROUP BY jobs.seq, body"
        ).fetchall()
    books: dict[Key, Tried] = {}
    for endpoint, model, metadata, body, times, answered in found:
        told = json.loads(metadata)
        revision, replicate = (int(told.get(f"bspec_{name}", 0)) for name in ("revision", "replicate"))
        key = Key(endpoint, model, revision, replicate, body)
        before = books.get(key, Tried())
        books[key] = Tried(before.times + times, before.answered or bool(answered))
    return books


def executed(before: Mapping[Key, Tried], after: Mapping[Key, Tried]) -> Counter[Key]:
    """Return how often each request was executed in between."""
    return Counter({key: each.times for key, each in after.items()}) - Counter(
        {key: each.times for key, each in before.items()}
    )


def standing(tried: Tried | None, attempts: int) -> str:
    """Return what a plan is to say of a request, where nothing is in flight and failures may pass."""
    if tried is None:
        return "submit"
    if tried.answered:
        return "done"
    return "retry" if tried.times < attempts else "failed"


@dataclass(slots=True, kw_only=True)
class Bill:
    """What one spec is to be told by a plan: each variant's counts, and the rows that wait or are blocked.

    `keys` are what is sent for it, and `to_come` bounds what its waiting rows will make.
    """

    variants: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    keys: set[Key] = field(default_factory=set)
    waiting: int = 0
    blocked: int = 0
    to_come: int = 0


class Books:
    """What is known of answers by now: the books, and each answer's text as the outputs have shown it."""

    def __init__(self) -> None:
        self.tried: dict[Key, Tried] = {}
        self.texts: dict[Key, str | None] = {}

    def rows(self, spec: Drawn, specs: Mapping[str, Drawn]) -> tuple[list[Values], int, int]:
        """Return the rows of a spec that are there, and how many wait or are blocked."""
        if spec.up is None:
            return spec.taken, 0, 0
        up = specs[spec.up]
        before, waiting, blocked = self.rows(up, specs)
        rows = []
        # A row that is not there yet will be as many as the spec before makes of it.
        waiting, blocked = waiting * up.lines_of_a_row, blocked * up.lines_of_a_row
        for line in up.lines(before):
            stands = standing(self.tried.get(line.key), up.attempts)
            if stands == "done":
                rows.append(line.row | {up.column: self._answer(line)})
            elif stands == "failed":
                blocked += 1
            else:
                waiting += 1
        return rows, waiting, blocked

    def _answer(self, line: Line) -> Values:
        told = {"custom_id": line.custom_id, "model": line.model, "replicate": line.replicate, "matrix": line.matrix}
        return told | {"text": self.texts[line.key]}

    def bills(self, specs: Sequence[Drawn]) -> dict[str, Bill]:
        """Return what a plan of these specs, in the order in which it has them, is to say."""
        by_name = {spec.name: spec for spec in specs}
        taken: set[Key] = set()
        bills = {}
        for spec in specs:
            rows, waiting, blocked = self.rows(spec, by_name)
            bill = Bill(waiting=waiting, blocked=blocked, to_come=waiting * spec.lines_of_a_row)
            self._count(spec, rows, taken, bill)
            taken |= bill.keys
            bills[spec.name] = bill
        return bills

    def _count(self, spec: Drawn, rows: Iterable[Values], taken: set[Key], bill: Bill) -> None:
        seen: set[Key] = set()
        for line in spec.lines(rows):
            counts = bill.variants.setdefault((json.dumps(line.matrix), line.model), Counter())
            if line.key in seen:
                counts["duplicates"] += 1
                continue
            seen.add(line.key)
            stands = standing(self.tried.get(line.key), spec.attempts)
            if line.key in taken and stands in {"submit", "retry"}:
                stands = "in_flight"
            counts[stands] += 1
            if stands in {"submit", "retry"}:
                bill.keys.add(line.key)

    def take(self, tried: Mapping[Key, Tried]) -> None:
        """Take in what the emulator has executed."""
        self.tried = dict(tried)

    def read(self, specs: Sequence[Drawn], outputs: Mapping[str, list[dict[str, Any]]]) -> None:
        """Hold the outputs to what the specs declare, line by line, and take in the answers' texts."""
        by_name = {spec.name: spec for spec in specs}
        for spec in specs:
            rows, waiting, blocked = self.rows(spec, by_name)
            lines = list(spec.lines(rows))
            shown = outputs[spec.name]
            if waiting or blocked:
                there = {(line.custom_id, line.model, line.replicate, json.dumps(line.matrix)) for line in lines}
                shown = [each for each in shown if _name(each) in there]
            told = [(*_name(each), each["status"]) for each in shown]
            due = [
                (line.custom_id, line.model, line.replicate, json.dumps(line.matrix), self._status(line, spec))
                for line in lines
            ]
            assert told == due, f"{spec.name}: the output has {told}, and declared is {due}"
            for line, each in zip(lines, shown, strict=True):
                if each["status"] == "succeeded":
                    self._learn(line.key, each["said"] if spec.columns else each["text"])

    def _status(self, line: Line, spec: Drawn) -> str:
        stands = standing(self.tried.get(line.key), spec.attempts)
        return {"done": "succeeded", "failed": "failed", "retry": "failed"}.get(stands, "pending")

    def _learn(self, key: Key, text: str | None) -> None:
        assert self.texts.setdefault(key, text) == text, "one request has two answers"


def _name(shown: Mapping[str, Any]) -> tuple[str, str, int, str]:
    matrix = json.dumps(shown.get("matrix", {}))
    return shown["custom_id"], shown["model"], shown.get("replicate", 0), matrix
