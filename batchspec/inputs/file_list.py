"""Rows that are files: one for each file that a glob matches, with its name and size, and nothing of its content."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import dirname, relpath

from batchspec.core.diagnostics import DiagnosticSink
from batchspec.core.errors import FileProblemError
from batchspec.core.model import InputRow
from batchspec.core.ports import ProjectFiles
from batchspec.inputs.findings import FileFindings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFiles:
    """The files at `paths`, relative to the root; `spec` is the path of the spec that asks for them."""

    files: ProjectFiles
    paths: tuple[str, ...]
    spec: str

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield a row per file; one that cannot be opened is reported and left."""
        for path in self.paths:
            try:
                yield InputRow(self._values(path), path, 1)
            except FileProblemError as error:
                FileFindings(path, sink).error(
                    error.code, error.summary, detail=error.why, hint=error.hint or "name another file"
                )

    def _values(self, path: str) -> dict[str, object]:
        pure = PurePosixPath(path)
        # Opening it says whether it may be read at all, before a template does.
        with self.files.open(path) as stream:
            size = stream.seek(0, io.SEEK_END)
        return {
            "path": path,
            "file": relpath(path, dirname(self.spec) or "."),
            "name": pure.name,
            "stem": pure.stem,
            "suffix": pure.suffix,
            "bytes": size,
        }
