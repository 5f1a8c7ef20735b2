"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from batchspec.core.errors import BatchspecError, FileProblemError
from batchspec.project.atomic import write_atomically, write_bytes_atomically, write_new


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write_half_and_raise(path: Path, error: BaseException) -> None:
    with write_atomically(path) as stream:
        stream.write(b"half")
        raise error


def test_the_file_appears_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "results" / "deep" / "out.jsonl"
    write_bytes_atomically(path, b"{}\n")
    assert path.read_bytes() == b"{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path.parent) == ["out.jsonl"]


def test_another_mode_may_be_asked_for(tmp_path: Path) -> None:
    write_bytes_atomically(tmp_path / "schema.json", b"{}", mode=0o644)
    assert stat.S_IMODE((tmp_path / "schema.json").stat().st_mode) == 0o644


def test_the_old_content_stays_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with write_atomically(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError("the network, not the disk")])
def test_a_failure_in_the_block_leaves_the_old_content_and_passes_on(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(type(error)) as caught:
        write_half_and_raise(path, error)
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_full_disk_is_told_in_words_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(BatchspecError, match="could not be written") as caught:
        write_half_and_raise(path, OSError(errno.ENOSPC, "No space left on device"))
    assert "free some space" in (caught.value.hint or "")
    assert names(tmp_path) == ["out"]


def test_a_file_beyond_the_system_s_limit_is_told_in_words(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(BatchspecError, match="could not be written"):
            write_bytes_atomically(tmp_path / "out", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert names(tmp_path) == []


def test_a_process_killed_in_the_block_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    program = (
        "import os, signal, pathlib\n"
        "from batchspec.project.atomic import write_atomically\n"
        f"with write_atomically(pathlib.Path({str(path)!r})) as stream:\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    write_bytes_atomically(path, b"new")
    assert names(tmp_path) == ["out"]


def test_what_another_writer_still_writes_is_left_to_it(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "slow") as stream:
        stream.write(b"slow")
        write_bytes_atomically(tmp_path / "quick", b"quick")
        assert len(names(tmp_path)) == 2
    assert (tmp_path / "slow").read_bytes() == b"slow"
    assert names(tmp_path) == ["quick", "slow"]


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    assert write_new(tmp_path / "deep" / "new", b"first", root=tmp_path)
    assert not write_new(tmp_path / "deep" / "new", b"second", root=tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert not write_new(tmp_path / "link", b"astray", root=tmp_path)
    assert (tmp_path / "deep" / "new").read_bytes() == b"first"
    assert names(tmp_path) == ["deep", "link"]
    assert names(tmp_path / "deep") == ["new"]


def test_a_new_file_is_not_written_through_a_folder_that_leaves_the_root(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "project" / "data").symlink_to(tmp_path / "outside")
    with pytest.raises(FileProblemError, match="leaves the project's root"):
        write_new(tmp_path / "project" / "data" / "rows.csv", b"", root=tmp_path / "project")
    assert names(tmp_path / "outside") == []


def test_a_parent_that_is_a_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(BatchspecError, match="could not be written"):
        write_bytes_atomically(tmp_path / "results" / "out", b"")


def test_a_folder_and_a_pipe_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(FileProblemError, match=name):
            write_bytes_atomically(tmp_path / name, b"")
    assert names(tmp_path) == ["folder", "pipe"]


def test_a_symlink_that_leaves_the_root_is_refused_as_file_and_as_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "target").write_text("precious")
    (root / "out").symlink_to(outside / "target")
    (root / "new").symlink_to(outside / "not-yet-there")
    (root / "folder").symlink_to(outside)
    for path in (root / "out", root / "new", root / "folder" / "made" / "out", root / ".." / "outside" / "out"):
        with pytest.raises(FileProblemError, match="leaves the project's root"):
            write_bytes_atomically(path, b"x", root=root)
    assert names(outside) == ["target"]
    assert (outside / "target").read_text() == "precious"


def test_a_symlink_inside_the_root_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/out")
    write_bytes_atomically(tmp_path / "link", b"x", root=tmp_path)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "out").read_bytes() == b"x"


def test_without_a_root_a_symlink_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")
    write_bytes_atomically(tmp_path / "link", b"x")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "precious"


def test_git_s_own_folder_is_never_written_and_batchspec_s_own_may_be(tmp_path: Path) -> None:
    with pytest.raises(FileProblemError, match="private"):
        write_bytes_atomically(tmp_path / ".git" / "config", b"x", root=tmp_path)
    write_bytes_atomically(tmp_path / ".batchspec" / "spool" / "s.jsonl", b"x", root=tmp_path)
    assert names(tmp_path) == [".batchspec"]


def test_a_folder_is_no_file_and_the_way_out_is_one_in_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileProblemError, match="is a folder") as raised, write_atomically(tmp_path / "out"):
        pytest.fail("nothing is written to a folder")
    assert raised.value.hint == "name a file in it"
