"""Finds the spec files that PATHS mean. It opens none of them, and for a hint those that look as if they were meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from batchspec.core.diagnostics import Diagnostic, Location, Severity, in_order, nearest
from batchspec.core.errors import BatchspecError, FileProblemError, InvalidInputError
from batchspec.project.confined import confine, refuse_unless_regular

_SKIPPED_FOLDERS = frozenset({"node_modules", ".venv"})
_FIRST_KEY = re.compile(rb"^batchspec:\s*\d", re.MULTILINE)
_LOOKED_AT_BYTES = 4096
_NAMING = "name a spec `<name>.batchspec.yaml` (or `batchspec.yaml`)"


def find_specs(root: Path, start: Path, paths: Sequence[Path]) -> list[str]:
    """Return the spec files, POSIX and relative to `root`, sorted, each once.

    `paths` are files or folders, relative ones to `start`, which is also the default. A folder is searched with all
    its subfolders, save hidden ones, `node_modules` and `.venv`, for `*.batchspec.yaml` and `batchspec.yaml`; a file
    may have any name. Raises InvalidInputError, with a finding for each path that is of no use.
    """
    inside = root.resolve()
    found: set[str] = set()
    problems: list[Diagnostic] = []
    for path in paths or [start]:
        try:
            found.update(_specs_at(inside, start / path, str(path)))
        except BatchspecError as error:
            problems.append(
                Diagnostic(
                    severity=Severity.ERROR,
                    code="spec-path",
                    location=Location(str(path)),
                    summary=error.summary,
                    detail=error.why,
                    hint=error.hint,
                )
            )
    if problems:
        first = problems[0]
        summary = first.summary if len(problems) == 1 else f"{len(problems)} paths are of no use"
        raise InvalidInputError(summary, in_order(problems), why=first.detail, hint=first.hint)
    return sorted(found)


def _specs_at(root: Path, path: Path, shown: str) -> list[str]:
    if not path.exists():
        raise _missing(path, shown)
    if not path.is_dir():
        return [_relative(root, path, shown)]
    folder = path.resolve()
    if not folder.is_relative_to(root):
        raise _outside(root, shown)
    files = list(_files_below(folder))
    specs = [file for file in files if _is_spec_name(file.name)]
    if not specs:
        raise _nothing_found(folder, files, shown)
    return [_relative(root, file, file.relative_to(root).as_posix()) for file in specs]


def _looks_like_a_spec(file: Path) -> bool:
    """Tell whether a YAML file of another name begins as a spec does."""
    if file.suffix not in {".yaml", ".yml"} or not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            return _FIRST_KEY.search(stream.read(_LOOKED_AT_BYTES)) is not None
    except OSError:
        return False


def _is_spec_name(name: str) -> bool:
    return name == "batchspec.yaml" or (name.endswith(".batchspec.yaml") and not name.startswith("."))


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        yield from (Path(parent, name) for name in names)


def _relative(root: Path, path: Path, shown: str) -> str:
    """Return a file's own name in its real folder, so that a symlink inside the root keeps its name."""
    named = path.parent.resolve() / path.name
    if not named.is_relative_to(root):
        raise _outside(root, shown)
    confine(root, path.resolve(), shown)
    refuse_unless_regular(path.stat().st_mode, shown)
    return named.relative_to(root).as_posix()


def _missing(path: Path, shown: str) -> FileProblemError:
    try:
        siblings = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        siblings = []
    closest = nearest(path.name, siblings)
    guess = f"did you mean `{Path(shown).parent / closest}`?" if closest else None
    return FileProblemError(
        f"there is no file or folder `{shown}`", hint=guess or "name a spec file, or a folder of them"
    )


def _outside(root: Path, shown: str) -> FileProblemError:
    return FileProblemError(
        f"`{shown}` lies outside the project",
        why=f"the project's root is {root}",
        hint="run batchspec in the project that holds the spec, or name its root with --project",
    )


def _nothing_found(folder: Path, files: Sequence[Path], shown: str) -> FileProblemError:
    near = next(
        (file for file in sorted(files) if file.name == "batchspec.yml" or file.name.endswith(".batchspec.yml")), None
    )
    other = None if near else next(filter(_looks_like_a_spec, sorted(files)), None)
    if other is not None:
        path = other.relative_to(folder)
        renamed = path.with_suffix(".batchspec.yaml").as_posix()
        hint = f"`{path.as_posix()}` looks like one: rename it to `{renamed}`, or name it on the command line"
    elif near is None:
        hint = f"{_NAMING}, or make a first one with `batchspec init`"
    else:
        hint = f"rename `{near.relative_to(folder).as_posix()}` so that it ends in `.yaml`"
    where = "this folder" if folder == Path.cwd() else f"`{shown}`"
    return FileProblemError(f"there are no specs in {where} or below it", hint=hint)
