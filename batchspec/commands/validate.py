"""`validate`: everything that can be known without the network, down to every row's body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batchspec.commands.desired import Stop, desired_chunks, drain
from batchspec.commands.findings import Findings
from batchspec.commands.loading import SpecLoader
from batchspec.core.diagnostics import Diagnostic, has_errors
from batchspec.core.errors import InvalidInputError
from batchspec.core.ports import Progress, Scratch


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was found in these specs, in the order of its place; `rows` were rendered."""

    specs: tuple[str, ...]
    rows: int
    diagnostics: tuple[Diagnostic, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing found is an error."""
        return not has_errors(self.diagnostics)


def validate(
    paths: Sequence[str], *, loader: SpecLoader, scratch: Scratch, progress: Progress, stop: Stop
) -> Validation:
    """Check specs and every row of them. What is wrong is in the value; nothing is raised for it."""
    try:
        loaded = loader.load(paths)
    except InvalidInputError as error:
        if not error.diagnostics:
            raise
        return Validation(specs=tuple(paths), rows=0, diagnostics=error.diagnostics)
    findings = Findings()
    counter = _Counting(progress)
    progress.start("rendering")
    for each in loaded:
        drain(desired_chunks(each, None, scratch, findings, counter, stop, with_values=False))
    progress.finish()
    return Validation(specs=tuple(paths), rows=counter.count, diagnostics=tuple(findings.diagnostics()))


class _Counting:
    """Counts what it passes on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.count = 0
        self.start, self.note, self.finish = progress.start, progress.note, progress.finish

    def advance(self, count: int = 1) -> None:
        self.count += count
        self._progress.advance(count)
