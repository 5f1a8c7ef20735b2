"""What processes have left is told from what is in use; nothing but that is removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchspec.core.garbage import LeftFile
from batchspec.project.atomic import write_atomically
from batchspec.project.leftovers import disk_size, find_left, remove_left


def left(root: Path, *, older_than: float = 0, now: float = 1e12) -> list[tuple[str, str]]:
    home = root / ".batchspec"
    found = find_left(home / "state.db", home, [root / "results"], now=now, older_than=older_than)
    return [(Path(each.path).name, each.kind) for each in found]


def test_an_output_that_is_being_written_is_not_left_behind(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "results" / "a.jsonl") as stream:
        stream.write(b"half")
        dead = tmp_path / "results" / ".batchspec-dead.part"
        dead.touch()
        assert left(tmp_path) == [(".batchspec-dead.part", "unfinished output")]
    assert dead.exists()
    assert left(tmp_path) == [(".batchspec-dead.part", "unfinished output")]


def test_nothing_is_found_where_nothing_is_and_nothing_else_is_touched(tmp_path: Path) -> None:
    assert left(tmp_path) == []
    for name in (
        "state.db",
        "state.db.lock",
        "state.db.1.bak",
        "emulator/data/a",
        "rendered/a.jsonl",
        "logs/notes.txt",
    ):
        path = tmp_path / ".batchspec" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert left(tmp_path) == []


def test_age_is_that_of_the_file(tmp_path: Path) -> None:
    log = tmp_path / ".batchspec" / "logs" / "bug-1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, (1000, 1000))
    assert left(tmp_path, older_than=60, now=1059) == []
    assert left(tmp_path, older_than=60, now=1060) == [("bug-1.log", "log")]


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a").write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to(kept)
    assert disk_size(link) < 4096
    assert remove_left(LeftFile(str(link), "download", 0))
    assert (kept / "a").read_bytes() == b"content"
    assert disk_size(kept) == len(b"content")
    assert disk_size(tmp_path / "nothing") == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_is_said_to_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a").touch()
    folder.chmod(0o500)
    try:
        assert not remove_left(LeftFile(str(folder / "a"), "log", 0))
    finally:
        folder.chmod(0o700)
