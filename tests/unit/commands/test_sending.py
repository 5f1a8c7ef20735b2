"""How far sending is told: each step with its job, in one line from the first to the last."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchspec.commands.sending import counted_jobs


@dataclass
class Told:
    """Writes down what a display is told; nothing else of it matters here."""

    phases: list[str] = field(default_factory=list)
    finished: int = 0

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        self.phases.append(phase)

    def advance(self, count: int = 1) -> None: ...

    def note(self, text: str) -> None: ...

    def finish(self) -> None:
        self.finished += 1


def test_each_step_names_its_job_and_the_line_ends_once() -> None:
    told = Told()
    with counted_jobs(told, 2) as progress:
        for _ in range(2):
            progress.start("claiming", total=5, unit="requests")
            progress.finish()
            progress.start("upload", total=100, unit="bytes")
            progress.finish()
        assert told.finished == 0
    assert told.finished == 1
    steps = ("claiming", "creating", "upload", "creating")
    assert told.phases == [f"{step}, job {job} of 2" for job in (1, 2) for step in steps]


def test_one_job_is_not_counted_and_one_claimed_again_is_no_other() -> None:
    told = Told()
    with counted_jobs(told, 1) as progress:
        progress.start("claiming")
        progress.start("upload")
    assert told.phases == ["claiming", "upload"]
    again = Told()
    with counted_jobs(again, 2) as progress:
        for _ in range(3):
            progress.start("claiming")
    assert again.phases[-1] == "claiming, job 2 of 2"
