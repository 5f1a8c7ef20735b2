"""What killed processes have left beside a state, and the logs of faults: found, sized, removed. Nothing of a state."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from batchspec.core.garbage import LeftFile
from batchspec.project.atomic import abandoned_in

_AN_HOUR = 3600.0


def find_left(state: Path, home: Path, folders: Collection[Path], *, now: float, older_than: float) -> list[LeftFile]:
    """Return what was left more than `older_than` seconds ago; whoever asks holds the state's lock.

    `home` is the project's own folder, with the logs; `folders` are those that outputs are written to.
    """
    found = []
    for kind, path, least in _candidates(state, home, folders):
        with suppress(OSError):
            if path.lstat().st_mtime <= now - max(older_than, least):
                found.append(LeftFile(str(path), kind, disk_size(path)))
    return found


def _candidates(state: Path, home: Path, folders: Collection[Path]) -> Iterator[tuple[str, Path, float]]:
    beside = state.parent
    for path in sorted({*beside.glob("spool/*.jsonl"), *beside.glob("spool/.open-*")}):
        yield "batch file", path, 0
    for path in sorted(beside.glob("downloads/*")):
        yield "download", path, 0
    # Another project's state may be made in the same folder at this moment.
    for path in sorted(beside.glob(".state-*.tmp")):
        yield "unfinished state", path, _AN_HOUR
    workshop = state.resolve().with_name(f"{state.resolve().name}.rebuilding")
    if workshop.is_dir():
        yield "unfinished state", workshop, 0
    for folder in sorted({home, *folders}):
        for path in abandoned_in(folder):
            yield "unfinished output", path, 0
    for path in sorted(home.glob("logs/bug-*.log")):
        yield "log", path, 0


def remove_left(file: LeftFile) -> bool:
    """Remove what was found; return whether it is gone."""
    path = Path(file.path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def disk_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links are not followed. Nothing there is 0."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(disk_size(inner) for inner in path.iterdir())
    except OSError:
        return 0
