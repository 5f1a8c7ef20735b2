"""Batch files on disk: whole under their digest, or not there at all."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchspec.core.sharding import ShardCutter
from batchspec.core.spec import Limits
from batchspec.project.spool import DiskSpool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[DiskSpool]:
    with DiskSpool(tmp_path / "spool") as opened:
        yield opened


def test_a_finished_file_lies_under_the_digest_of_its_bytes(spool: DiskSpool) -> None:
    writer = spool.begin()
    for line in (b"one\n", "zwölf\u2028\n".encode()):
        writer.add([line])
    assert (writer.lines, writer.size) == (2, 14)
    done = writer.finish()
    content = spool.path(done.sha256).read_bytes()
    assert content == "one\nzwölf\u2028\n".encode()
    assert (done.sha256, done.lines, done.size) == (hashlib.sha256(content).hexdigest(), 2, len(content))


def test_nothing_is_under_a_final_name_before_it_is_finished(spool: DiskSpool, tmp_path: Path) -> None:
    writer = spool.begin()
    writer.add([b"x\n" * 2_000_000])
    assert [path.name[:6] for path in (tmp_path / "spool").iterdir()] == [".open-"]
    done = writer.finish()
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [f"{done.sha256}.jsonl"]


def test_a_spooled_file_is_for_its_owner_alone(spool: DiskSpool) -> None:
    writer = spool.begin()
    writer.add([b"private\n"])
    path = spool.path(writer.finish().sha256)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_same_lines_are_one_file(spool: DiskSpool, tmp_path: Path) -> None:
    writers = [spool.begin(), spool.begin()]
    for writer in writers:
        writer.add([b"same\n"])
    first, second = (writer.finish() for writer in writers)
    assert first == second
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [f"{first.sha256}.jsonl"]


def test_an_empty_file_is_thrown_away(spool: DiskSpool, tmp_path: Path) -> None:
    done = spool.begin().finish()
    assert (done.lines, done.size) == (0, 0)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_fork_begins_with_what_was_written_and_goes_on_apart(spool: DiskSpool) -> None:
    writer = spool.begin()
    writer.add([b"common\n"])
    twin = writer.fork()
    writer.add([b"left\n"])
    twin.add([b"right\n"])
    left, right = writer.finish(), twin.finish()
    assert spool.path(left.sha256).read_bytes() == b"common\nleft\n"
    assert spool.path(right.sha256).read_bytes() == b"common\nright\n"
    for done in (left, right):
        assert hashlib.sha256(spool.path(done.sha256).read_bytes()).hexdigest() == done.sha256
        assert (done.lines, done.size) == (2, len(spool.path(done.sha256).read_bytes()))


def test_a_fork_of_nothing_is_empty(spool: DiskSpool) -> None:
    writer = spool.begin()
    twin = writer.fork()
    twin.add([b"x\n"])
    assert writer.finish().lines == 0
    assert spool.path(twin.finish().sha256).read_bytes() == b"x\n"


def test_what_is_told_of_lines_is_kept_beside_them_piece_by_piece(spool: DiskSpool) -> None:
    writer = spool.begin()
    writer.add([b"one\n", b"two\n"], b"\x00\n1, 2")
    writer.add([b"three\n"], b"3" * 70_000)
    done = writer.finish()
    assert list(spool.told(done.sha256)) == [b"\x00\n1, 2", b"3" * 70_000]
    assert spool.path(done.sha256).read_bytes() == b"one\ntwo\nthree\n"


def test_a_fork_has_what_was_told_before_it_and_goes_on_apart(spool: DiskSpool) -> None:
    writer = spool.begin()
    writer.add([b"common\n"], b"c")
    twin = writer.fork()
    writer.add([b"left\n"], b"l")
    twin.add([b"right\n"], b"r")
    left, right = writer.finish(), twin.finish()
    assert list(spool.told(left.sha256)) == [b"c", b"l"]
    assert list(spool.told(right.sha256)) == [b"c", b"r"]


def test_a_file_that_is_removed_takes_with_it_what_was_told_of_it(spool: DiskSpool, tmp_path: Path) -> None:
    writer = spool.begin()
    writer.add([b"x\n"], b"told")
    done = writer.finish()
    names = sorted(path.name for path in (tmp_path / "spool").iterdir())
    assert names == [f"{done.sha256}.jsonl", f"{done.sha256}.told"]
    spool.remove(done.sha256)
    assert list((tmp_path / "spool").iterdir()) == []
    spool.remove(done.sha256)


def test_what_is_told_is_for_its_owner_alone(spool: DiskSpool, tmp_path: Path) -> None:
    writer = spool.begin()
    writer.add([b"x\n"], b"told")
    writer.finish()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()} == {0o600}


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    with DiskSpool(tmp_path) as spool:
        spool.begin().add([b"unfinished\n"], b"told")
        finished = spool.begin()
        finished.add([b"finished\n"], b"told")
        finished.finish()
        assert len(list(tmp_path.iterdir())) == 4
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_has_left_is_cleared_by_the_next_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / ".open-abc.jsonl").write_bytes(b"half")
    (tmp_path / ".open-abc.told").write_bytes(b"half")
    (tmp_path / f"{'0' * 64}.jsonl").write_bytes(b"whole")
    (tmp_path / f"{'0' * 64}.told").write_bytes(b"told")
    (tmp_path / "notes.txt").write_bytes(b"someone's")
    with DiskSpool(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_spool_that_nothing_was_written_to_makes_no_folder(tmp_path: Path) -> None:
    with DiskSpool(tmp_path / "spool"):
        pass
    assert not (tmp_path / "spool").exists()


def test_the_cutters_files_are_the_spools(spool: DiskSpool) -> None:
    cutter = ShardCutter("ab", Limits(requests_per_job=2), spool.begin)
    lines = [(f"{n}\n".encode(), frozenset("ab" if n != 3 else "b")) for n in range(5)]
    shards = [shard for line, models in lines for shard in cutter.add([line], models)] + list(cutter.finish())
    for model, expected in (("a", b"0\n1\n2\n4\n"), ("b", b"0\n1\n2\n3\n4\n")):
        parts = [part for shard in shards if model in shard.targets for part in shard.parts]
        files = [spool.path(part.sha256).read_bytes() for part in parts]
        assert b"".join(files) == expected
