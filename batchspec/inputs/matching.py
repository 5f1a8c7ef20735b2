"""The files that a spec's pattern matches, and what is wrong with what a spec says of its inputs."""

from __future__ import annotations

from batchspec.core.diagnostics import Diagnostic, Location, Severity, in_order
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.offered import PluginError
from batchspec.core.ports import ProjectFiles

_MAGIC = frozenset("*?[")


class SpecFindings:
    """Findings about what a spec says of its inputs, all at the one place where it names them."""

    def __init__(self, place: tuple[str, int, int]) -> None:
        self._place = place
        self._found: list[Diagnostic] = []

    def error(
        self,
        code: str,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        place: tuple[str, int, int] | None = None,
    ) -> None:
        """Report an error, by default where the spec names its inputs; the same one is told once."""
        path, line, column = place or self._place
        found = Diagnostic(
            severity=Severity.ERROR,
            code=code,
            location=Location.at(path, line, column),
            summary=summary,
            detail=detail,
            hint=hint,
        )
        if found not in self._found:
            self._found.append(found)

    def problem(self, error: FileProblemError | PluginError) -> None:
        """Report a file, or a plugin, that cannot be used."""
        self.error(error.code, error.summary, detail=error.why, hint=error.hint)

    def raise_if_any(self) -> None:
        """Raise InvalidInputError with all that was found."""
        if self._found:
            first = self._found[0]
            raise InvalidInputError(first.summary, in_order(self._found), why=first.detail, hint=first.hint)


def matching_paths(pattern: str, files: ProjectFiles, findings: SpecFindings) -> list[str]:
    """Return the files that a path or glob matches, in name order; none is reported."""
    try:
        paths = files.glob(pattern)
        if not paths and _MAGIC.isdisjoint(pattern):
            # Opening a plain path says what is wrong with it, and names the nearest.
            files.open(pattern).close()
    except FileProblemError as error:
        findings.problem(error)
        return []
    if not paths:
        findings.error("no-files", f"no file matches `{pattern}`", hint="check the folder and the suffix")
    return paths
