"""What lies on the disk for a while is its owner's alone, and is named where the disk fails."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from batchspec.commands.private_files import private_file

FULL = Path("/dev/full")
"""A device that Linux has: every write to it fails, as to a disk without space."""


def test_it_is_its_owners_alone_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with private_file(path) as stream:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        stream.write(b"{}\n")
    assert path.read_bytes() == b"{}\n"
    with private_file(path):
        pass
    assert path.read_bytes() == b"", "it is written anew"


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_a_write_that_fails_names_the_file() -> None:
    with pytest.raises(OSError, match="No space left") as caught, private_file(FULL) as stream:
        stream.write(b"x" * 100_000)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(FULL))


def test_another_files_error_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, private_file(tmp_path / "answers.jsonl"):
        (tmp_path / "elsewhere").open()
    assert caught.value.filename == str(tmp_path / "elsewhere")
