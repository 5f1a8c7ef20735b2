"""What can be under way when a process dies: each story's run, how it is prepared, and how its end is judged."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asking import executed_and_repeated, get
from driving import chat_spec, make_project, table
from forking import ForkedProject, ForkServer

from batchspec.core.errors import ExitCode
from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

ROWS = 4
APPLY = ("apply", "--yes", "--wait")
OCR = """\
batchspec: 1
name: demo
endpoint: /v1/ocr
model: mistral-ocr-latest
inputs: [{id: r0, path: scans/a.pdf}, {id: r1, path: scans/b.pdf}, {id: r2, path: scans/c.pdf}]
custom_id: "{{ row.id }}"
body:
  document: {type: file, file_id: "{{ row.path | upload }}"}
"""


@dataclass
class Scene:
    """A project, and the emulator that it talks to."""

    project: ForkedProject
    server: EmulatorServer

    def get(self, path: str) -> Any:
        return get(self.server, path)

    def executed(self) -> tuple[int, int]:
        """How many requests were executed, and how many of them more than once."""
        return executed_and_repeated(self.server)

    def statuses(self, name: str) -> list[tuple[str, str]]:
        return [(row["custom_id"], row["status"]) for row in self.project.rows(f"results/{name}.jsonl")]

    def is_empty(self) -> None:
        """Nothing is left to send, and nothing half written lies about."""
        planned = self.project.run("plan", "--detailed-exitcode")
        assert planned.code == 0, planned.out + planned.err
        assert not [*self.project.root.rglob("*.part"), *self.project.root.glob(".batchspec/*/*.jsonl")]

    def wait_until_ended(self) -> None:
        """Return once no job runs any more at the provider."""
        while any(job["status"] in {"QUEUED", "RUNNING"} for job in self.get("/v1/batch/jobs")["data"]):
            time.sleep(0.02)


Act = Callable[[Scene], None]


@dataclass(frozen=True, kw_only=True)
class Story:
    """`arguments` is the run that dies, `prepare` what comes before it, `settled` the verdict after a clean run.

    `repeated` is the code of a run after one that has done everything, whether or not that was told: a saved plan is
    good for one.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Act
    settled: Act
    options: EmulatorOptions = field(default_factory=EmulatorOptions)
    repeated: ExitCode = ExitCode.DONE

    def codes_after(self, ended: int) -> set[ExitCode]:
        """The codes that a run may end with after one that has ended with `ended`."""
        return {self.repeated} if ended == ExitCode.DONE else {ExitCode.DONE, self.repeated}

    @contextmanager
    def scene(self, folder: Path, forks: ForkServer, *, like: Path | None = None) -> Iterator[Scene]:
        """A project and its emulator in `folder`; a copy of those in `like`, where that is given."""
        if like is not None:
            shutil.copytree(like, folder)
        with EmulatorServer(folder / "emulator", options=self.options) as server:
            environ = {
                "MISTRAL_API_KEY": "any",
                "MISTRAL_BASE_URL": server.url,
                "BATCHSPEC_SETTLE_SECONDS": "0.5",
            }
            yield Scene(ForkedProject(folder / "project", environ, server=forks), server)

    def prepared(self, folder: Path, forks: ForkServer) -> Path:
        """Bring a folder to where the run begins, to be copied for each of its runs."""
        make_project(folder / "project", rows=ROWS)
        with self.scene(folder, forks) as scene:
            self.prepare(scene)
        return folder

    def steps(self, folder: Path, forks: ForkServer, *, like: Path) -> list[str]:
        """The names of the steps of a run that nothing disturbs."""
        with self.scene(folder, forks, like=like) as scene:
            told = scene.project.run(*self.arguments, "--verbose")
            assert told.code == 0, told.err
            self.settled(scene)
        return [line.split(": ", 1)[1] for line in told.err.splitlines() if line.startswith("step ")]


def two_specs(scene: Scene) -> None:
    """One spec that uploads a file, and one that is sent inline: every kind of step."""
    inline = chat_spec("inline", extra="submit: inline\n").replace("Say", "Sing")
    scene.project.write("inline.batchspec.yaml", inline)


def _sent(scene: Scene) -> None:
    two_specs(scene)
    assert scene.project.run("apply", "--yes").code == 0


def _ended(scene: Scene) -> None:
    _sent(scene)
    scene.wait_until_ended()


def _collected(scene: Scene) -> None:
    two_specs(scene)
    assert scene.project.run(*APPLY).code == 0


def _failed(scene: Scene) -> None:
    scene.server.set_faults(Faults(line_error_rate=1.0))
    _ended(scene)
    scene.server.set_faults(Faults())


def _asked_again(scene: Scene) -> None:
    assert scene.project.run(*APPLY).code == 0
    # Each failed once and succeeded once.
    assert scene.executed() == (4 * ROWS, 2 * ROWS)
    for name in ("demo", "inline"):
        assert scene.statuses(name) == [(f"r{number}", "succeeded") for number in range(ROWS)]
    scene.is_empty()


def _planned(scene: Scene) -> None:
    two_specs(scene)
    assert scene.project.run("plan", "--out", "review.plan").code == 0


def _state_lost(scene: Scene) -> None:
    _collected(scene)
    shutil.rmtree(scene.project.root / ".batchspec")


def _scans(scene: Scene) -> None:
    scene.project.write("demo.batchspec.yaml", OCR)
    for name, text in (("a", "the first"), ("b", "the second"), ("c", "the second")):
        scene.project.write(f"scans/{name}.pdf", f"%PDF-1.4 {text}")


def paid_once(scene: Scene) -> None:
    """Every request of both specs executed once and answered, and nothing left to do."""
    assert scene.executed() == (2 * ROWS, 0)
    for name in ("demo", "inline"):
        assert scene.statuses(name) == [(f"r{number}", "succeeded") for number in range(ROWS)]
    scene.is_empty()


def _paid_once_when_written(scene: Scene) -> None:
    assert scene.project.run("results").code == 0
    paid_once(scene)


def _scans_paid_once(scene: Scene) -> None:
    # The third scan holds the same as the second.
    assert scene.executed() == (2, 0)
    assert scene.statuses("demo") == [(f"r{number}", "succeeded") for number in range(3)]
    assert len(scene.get("/v1/files?purpose=ocr")["data"]) == 2
    scene.is_empty()


def _held(scene: Scene) -> None:
    assert scene.project.run("wait").code == 0
    assert scene.project.run("results").code == 0
    assert scene.executed() == (0, 0)
    for name in ("demo", "inline"):
        assert scene.statuses(name) == [(f"r{number}", "held") for number in range(ROWS)]
    scene.is_empty()


def _cleared(scene: Scene) -> None:
    """No file is left at the provider, and what it no longer has is in nobody's way."""
    assert scene.get("/v1/files")["data"] == []
    paid_once(scene)
    scene.project.write("rows.csv", table(ROWS + 1))
    assert scene.project.run(*APPLY).code == 0
    assert scene.executed() == (2 * ROWS + 2, 0)
    scene.is_empty()


def _narrowed(scene: Scene) -> None:
    """Two rows of each spec are no longer declared, and a killed process has left a file."""
    _collected(scene)
    scene.project.write("rows.csv", table(ROWS - 2))
    assert scene.project.run(*APPLY).code == 0
    scene.project.write(".batchspec/spool/.open-x.jsonl", "left behind")


def _made_room(scene: Scene) -> None:
    """What nobody declares is gone, here and there; a row that returns is paid for again, and nothing else is."""
    assert scene.get("/v1/files")["data"] == scene.get("/v1/batch/jobs")["data"] == []
    assert scene.project.run("state", "check", "--json").document["problems"] == []
    found = scene.project.run("gc", "--remote", "--jobs", "--dry-run", "--json").document
    assert (found["results"], found["files"], found["state"]["free_bytes"] < 100_000) == ([], [], True)
    scene.is_empty()
    assert scene.executed() == (2 * ROWS, 0)
    scene.project.write("rows.csv", table(ROWS - 1))
    assert scene.project.run(*APPLY).code == 0
    assert scene.executed() == (2 * ROWS + 2, 2)
    scene.is_empty()


STORIES = (
    Story(name="apply", arguments=APPLY, prepare=two_specs, settled=paid_once),
    Story(name="apply of uploads", arguments=APPLY, prepare=_scans, settled=_scans_paid_once),
    Story(name="apply to a lost state", arguments=APPLY, prepare=_state_lost, settled=paid_once),
    Story(
        name="apply of a saved plan",
        arguments=("apply", "review.plan", "--wait"),
        prepare=_planned,
        settled=paid_once,
        repeated=ExitCode.STALE_OR_LOCKED,
    ),
    Story(name="wait", arguments=("wait",), prepare=_sent, settled=_paid_once_when_written),
    Story(name="status", arguments=("status",), prepare=_ended, settled=_paid_once_when_written),
    Story(name="retry", arguments=("retry",), prepare=_failed, settled=_asked_again),
    Story(
        name="cancel",
        arguments=("cancel", "--yes"),
        prepare=_sent,
        settled=_held,
        options=EmulatorOptions(queue_seconds=3600),
    ),
    Story(name="gc", arguments=("gc", "--remote", "--jobs", "--yes"), prepare=_collected, settled=_cleared),
    Story(
        name="gc of answers",
        arguments=("gc", "--remote", "--jobs", "--yes"),
        prepare=_narrowed,
        settled=_made_room,
    ),
)
