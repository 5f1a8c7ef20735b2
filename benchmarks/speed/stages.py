"""The stages of batchspec over one table, each on what the one before has left, beside the script and the limit."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.speed.measuring import Measured, measure
from benchmarks.speed.provider import Provider, clean_environ
from benchmarks.speed.work import TABLE, Work, edit

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("scripts")
PROGRAM = (sys.executable, "-m", "batchspec")
SPOOLED = "submit:before-upload"
"""The step of `apply` at which all is rendered, checked, recorded and spooled, and nothing is sent yet."""

STAGES = (
    "by-hand",
    "limit",
    "validate",
    "render",
    "plan",
    "spool",
    "apply",
    "unchanged",
    "edited",
    "collect",
    "export",
)
"""What can be chosen; a stage needs those that leave what it goes on from, which are then done without measuring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table: whose work, which stage, over how many rows, and what it took.

    `beside` names the stage that it is set against, of the same work and as many rows.
    """

    work: str
    stage: str
    rows: int
    took: Measured
    beside: str = ""


STATE, WITH_ANSWERS = "bytes of state a request", "bytes of state a request, its answer included"
"""What `Bench.facts` tells of the state: once all is sent, and once all is answered."""


@dataclass(slots=True, kw_only=True)
class Bench:
    """One work at one number of rows, in a folder of its own. `facts` are figures that are no times."""

    work: Work
    folder: Path
    rows: int
    repeat: int
    stages: Collection[str]
    lines: list[Line] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    _environ: dict[str, str] = field(default_factory=lambda: clean_environ(ROOT))

    def write(self) -> int:
        """Write the table; return its rows, which are fewer than asked for where there are no more."""
        self.rows = self.work.write(self.folder, self.rows)
        return self.rows

    def run(self) -> None:
        """Measure every stage that is wanted, once the table is written."""
        provider = Provider(self.folder.with_name(f"{self.folder.name}-provider"), self._environ)
        try:
            self._by_hand()
            self._offline()
            self._online(provider)
        finally:
            provider.end()
            shutil.rmtree(self.folder.with_name(f"{self.folder.name}-provider"), ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _by_hand(self) -> None:
        if "by-hand" in self.stages:
            script = (sys.executable, str(SCRIPTS / "by_hand.py"), TABLE, "by_hand.json")
            self._take("by hand: render", (*script, "render"))
            self._take("by hand: first run", (*script, "send"), before=self._forget_by_hand)
            self._take("by hand: nothing changed", (*script, "send"))
        if "limit" in self.stages:
            limit = (sys.executable, str(SCRIPTS / "limit.py"), "limit.sql")
            self._take("limit: DuckDB's SQL, one thread", limit, beside="by hand: render")
            self._take("limit: copying its lines", ("cp", "limit.jsonl", "copied.jsonl"), beside="by hand: render")
        for name in ("by_hand.jsonl", "limit.jsonl", "copied.jsonl", "sent.db"):
            (self.folder / name).unlink(missing_ok=True)

    def _offline(self) -> None:
        if "validate" in self.stages:
            self._take("validate", (*PROGRAM, "validate"), beside="by hand: render")
        for name, jobs in (("one core", ("--jobs", "1")), ("all cores", ())):
            if "render" in self.stages:
                command = (*PROGRAM, "render", "--out", "rendered", *jobs)
                self._take(f"render, {name}", command, beside="by hand: render")
            if "plan" in self.stages:
                command = (*PROGRAM, "plan", "--no-refresh", *jobs)
                self._take(f"first plan, {name}", command, before=self._forget, beside="by hand: first run")
        shutil.rmtree(self.folder / "rendered", ignore_errors=True)

    def _online(self, provider: Provider) -> None:
        def anew() -> None:
            self._forget()
            provider.afresh()
            self._environ.update(provider.environ)

        apply = (*PROGRAM, "apply", "--yes")
        for name, jobs in (("one core", ("--jobs", "1")), ("all cores", ())):
            if "spool" in self.stages:
                self._environ["BATCHSPEC_CRASH_AT"] = SPOOLED
                stage = f"first run to the spool, {name}"
                self._take(stage, (*apply, *jobs), before=anew, code=1, beside="by hand: first run")
                del self._environ["BATCHSPEC_CRASH_AT"]
        after = {"apply", "unchanged", "edited", "collect", "export"}
        if not after & set(self.stages):
            return
        if "apply" in self.stages:
            self._take("apply: first run and upload", apply, before=anew, beside="by hand: first run")
        else:
            anew()
            self._silently(apply)
        # Only then: a plan while jobs run would be measured with their end.
        provider.wait()
        self.facts[STATE] = self._state_a_request()
        self._collect()
        self._export()
        self.facts[WITH_ANSWERS] = self._state_a_request()
        self._unchanged()

    def _state_a_request(self) -> float:
        return (self.folder / ".batchspec" / "state.db").stat().st_size / self.rows

    def _unchanged(self) -> None:
        beside = "by hand: nothing changed"
        if "unchanged" in self.stages:
            self._take("plan, same bytes", (*PROGRAM, "plan"), beside=beside)
            self._take("limit: hashing the table", ("sha256sum", TABLE), beside=beside)
            self._plans("plan, rendered again", self._touch, beside)
        if "edited" in self.stages:
            kept = self.folder / "kept.csv"
            shutil.copy(self.folder / TABLE, kept)
            self._plans("plan, one row edited", self._edit, beside)
            kept.replace(self.folder / TABLE)

    def _plans(self, stage: str, change: Callable[[str], None], beside: str) -> None:
        """Measure plans, each after a change that has every row rendered again."""
        turns = count()
        for name, jobs in (("one core", ("--jobs", "1")), ("all cores", ())):
            before = partial(_next, change, turns)
            self._take(f"{stage}, {name}", (*PROGRAM, "plan", *jobs), before=before, beside=beside)

    def _touch(self, turn: str) -> None:
        """Change the input, or the spec where every column is read, and no request with it."""
        if self.work.unread:
            edit(self.folder, self.work.unread, turn)
        else:
            spec = self.folder / f"{self.work.name}.batchspec.yaml"
            text = spec.read_text(encoding="utf-8").partition("metadata:")[0]
            spec.write_text(f"{text}metadata: {{turn: {turn}}}\n", encoding="utf-8")

    def _edit(self, turn: str) -> None:
        edit(self.folder, self.work.read, turn)

    def _collect(self) -> None:
        by_hand = (sys.executable, str(SCRIPTS / "collect_by_hand.py"), TABLE, self.work.key)
        kept = self.folder / "kept-state"
        shutil.copytree(self.folder / ".batchspec", kept)

        def as_submitted() -> None:
            shutil.rmtree(self.folder / "results", ignore_errors=True)
            # Into the files that are there: a state that was copied to another place is not trusted to be unchanged.
            state = self.folder / ".batchspec"
            shutil.copytree(kept, state, copy_function=shutil.copyfile, dirs_exist_ok=True)

        if "collect" in self.stages:
            self._take("by hand: collect and join", (*by_hand, "fetch", "joined.jsonl"))
            beside = "by hand: collect and join"
            self._take("collect and join", (*PROGRAM, "wait"), before=as_submitted, beside=beside)
        else:
            self._silently((*PROGRAM, "wait"))
            if "export" in self.stages:
                self._silently((*by_hand, "fetch", "joined.jsonl"))
        shutil.rmtree(kept)

    def _export(self) -> None:
        if "export" not in self.stages:
            return
        by_hand = (sys.executable, str(SCRIPTS / "collect_by_hand.py"), TABLE, self.work.key, "again")
        for form in ("jsonl", "parquet"):
            self._take(f"by hand: export {form}", (*by_hand, f"joined.{form}"))
            command = (*PROGRAM, "results", "--out", f"exported.{form}")
            self._take(f"results, {form}", command, beside=f"by hand: export {form}")

    def _take(
        self,
        stage: str,
        command: Sequence[str],
        *,
        before: Callable[[], None] | None = None,
        code: int = 0,
        beside: str = "",
    ) -> None:
        took = measure(command, self.folder, environ=self._environ, repeat=self.repeat, before=before, code=code)
        line = Line(work=self.work.name, stage=stage, rows=self.rows, took=took, beside=beside)
        self.lines.append(line)
        told = f"{took.seconds:8.2f} s {took.cpu:8.2f} s CPU {took.peak / 1e6:8.0f} MB"
        sys.stderr.write(f"{self.work.name:<8} {self.rows:>9,} {stage:<36} {told}\n")

    def _silently(self, command: Sequence[str]) -> None:
        measure(command, self.folder, environ=self._environ, repeat=1)

    def _forget(self) -> None:
        shutil.rmtree(self.folder / ".batchspec", ignore_errors=True)
        shutil.rmtree(self.folder / "results", ignore_errors=True)

    def _forget_by_hand(self) -> None:
        (self.folder / "sent.db").unlink(missing_ok=True)


def _next(change: Callable[[str], None], turns: count[int]) -> None:
    change(f"turn-{next(turns)}")
