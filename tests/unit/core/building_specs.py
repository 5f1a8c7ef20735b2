"""Specs built from real files in a real folder, for the tests beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import InvalidInputError
from batchspec.core.source import load_source
from batchspec.core.spec import Spec, build_spec
from batchspec.project.files import RootedFiles

PATH = "specs/triage.batchspec.yaml"


class Folder:
    """A project's folder with a spec in `specs/` and whatever files a test puts beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = RootedFiles(root)

    def write(self, **files: str) -> Folder:
        for name, text in files.items():
            path = self.root / "specs" / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        return self

    def spec(self, text: str, defaults: Mapping[str, object] | None = None) -> Spec:
        return build_spec(load_source(text, PATH), self.files, defaults or {})

    def findings(self, text: str, defaults: Mapping[str, object] | None = None) -> list[Diagnostic]:
        with pytest.raises(InvalidInputError) as caught:
            self.spec(text, defaults)
        return list(caught.value.diagnostics)

    def finding(self, text: str, defaults: Mapping[str, object] | None = None) -> Diagnostic:
        [found] = self.findings(text, defaults)
        return found


def start(found: Diagnostic) -> tuple[str, int, int]:
    assert found.location.span is not None
    return found.location.path, found.location.span.line, found.location.span.column
