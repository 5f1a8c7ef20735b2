"""Cutting lines into files: exactly at the limits, shared by models for as long as they need the same lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.ports import SpooledFile
from batchspec.core.sharding import CountingWriter, CutShard, ShardCutter, goes_inline, inline_limits
from batchspec.core.spec import Limits, Submit

Needs = Sequence[tuple[bytes, frozenset[str]]]


class Memory:
    """Files in memory, so that a law can be tried on hundreds of drawn inputs; the disk's own tests are its spool's."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.told: dict[str, bytes] = {}

    def begin(self, held: bytes = b"", lines: int = 0, told: tuple[bytes, ...] = ()) -> MemoryWriter:
        return MemoryWriter(self, held, lines, told)


class MemoryWriter:
    def __init__(self, memory: Memory, held: bytes, lines: int, told: tuple[bytes, ...]) -> None:
        self._told = told
        self.lines = lines
        self.size = len(held)
        self._held = held
        self._memory = memory

    def add(self, lines: Sequence[bytes], told: bytes = b"") -> None:
        self._told += (told,)
        self._held += b"".join(lines)
        self.lines += len(lines)
        self.size += sum(map(len, lines))

    def fork(self) -> MemoryWriter:
        return self._memory.begin(self._held, self.lines, self._told)

    def finish(self) -> SpooledFile:
        sha256 = hashlib.sha256(self._held).hexdigest()
        self._memory.files[sha256] = self._held
        self._memory.told[sha256] = b"".join(self._told)
        return SpooledFile(sha256, self.lines, self.size)


def limits(count: int = 100, size: int = 1_000_000) -> Limits:
    return Limits(requests_per_job=count, bytes_per_file=size)


def cut(models: Sequence[str], needs: Needs, bounds: Limits) -> tuple[list[CutShard[str]], Memory]:
    memory = Memory()
    cutter = ShardCutter(models, bounds, memory.begin)
    runs = [(wanted, [line for line, _ in run]) for wanted, run in groupby(needs, key=itemgetter(1))]
    shards = [shard for wanted, lines in runs for shard in cutter.add(lines, wanted, telling(lines))]
    return [*shards, *cutter.finish()], memory


def telling(lines: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """What is told of lines is here what they say, so that beside each file must lie the same as in it."""
    return lambda start, end: b"".join(lines[start:end])


def content(shard: CutShard[str], memory: Memory) -> bytes:
    return b"".join(memory.files[part.sha256] for part in shard.parts)


def plain(count: int, *models: str) -> Needs:
    return [(f"line {number}\n".encode(), frozenset(models)) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "limit", "expected"), [(4, 2, [2, 2]), (5, 2, [2, 2, 1]), (2, 2, [2]), (3, 1, [1, 1, 1]), (0, 2, [])]
)
def test_a_file_holds_exactly_as_many_requests_as_a_job_may(count: int, limit: int, expected: list[int]) -> None:
    shards, _ = cut("a", plain(count, "a"), limits(count=limit))
    assert [shard.lines for shard in shards] == expected


def sizes(shards: Sequence[CutShard[str]]) -> list[list[int]]:
    return [[part.lines for part in shard.parts] for shard in shards]


def test_a_file_may_be_exactly_as_large_as_the_limit_and_not_a_byte_larger() -> None:
    line = len(b"line 0\n")
    at_limit, _ = cut("a", plain(4, "a"), limits(size=2 * line))
    assert sizes(at_limit) == [[2, 2]]
    below, _ = cut("a", plain(4, "a"), limits(size=2 * line - 1))
    assert sizes(below) == [[1, 1, 1, 1]]


def test_a_job_of_one_part_ends_with_its_file() -> None:
    cutter = ShardCutter("a", limits(size=14), Memory().begin, one_part=True)
    shards = [shard for line, wanted in plain(4, "a") for shard in cutter.add([line], wanted)]
    assert sizes([*shards, *cutter.finish()]) == [[2], [2]]


def test_files_and_jobs_end_each_at_their_own_limit() -> None:
    shards, _ = cut("a", plain(7, "a"), limits(count=4, size=21))
    assert sizes(shards) == [[3, 1], [3]]


def test_a_line_larger_than_a_file_stands_alone() -> None:
    needs = [(b"x" * size + b"\n", frozenset("a")) for size in (3, 500, 3, 3)]
    shards, _ = cut("a", needs, limits(size=10))
    assert sizes(shards) == [[1, 1, 2]]


@pytest.mark.parametrize(
    ("submit", "lines", "size", "inline"),
    [
        (Submit.FILE, 1, 10, False),
        (Submit.INLINE, 10_000, 10, True),
        (Submit.AUTO, 100, 1_000_000, True),
        (Submit.AUTO, 101, 10, False),
        (Submit.AUTO, 1, 1_000_001, False),
    ],
)
def test_small_shards_go_inline_where_that_is_left_open(submit: Submit, lines: int, size: int, inline: bool) -> None:
    assert goes_inline(submit, CutShard(("a",), (SpooledFile("", lines, size),))) is inline


def test_inline_shards_stay_within_what_the_api_takes() -> None:
    assert inline_limits(Limits()).requests_per_job == 10_000
    assert inline_limits(limits(count=7)).requests_per_job == 7


def test_models_that_need_the_same_lines_share_every_file_in_the_order_of_the_spec() -> None:
    shards, _ = cut(["b", "a", "c"], plain(5, "a", "b", "c"), limits(count=2))
    assert [shard.targets for shard in shards] == [("b", "a", "c")] * 3


def test_models_part_at_the_first_line_that_only_one_of_them_needs() -> None:
    both, one = frozenset("ab"), frozenset("a")
    needs = [(b"1\n", both), (b"2\n", one), (b"3\n", both)]
    shards, memory = cut("ab", needs, limits())
    assert {shard.targets: content(shard, memory) for shard in shards} == {
        ("a",): b"1\n2\n3\n",
        ("b",): b"1\n3\n",
    }


def test_models_that_parted_still_share_what_was_full_before() -> None:
    both = frozenset("ab")
    needs = [(b"1\n", both), (b"2\n", both), (b"3\n", both), (b"4\n", frozenset("b"))]
    shards, memory = cut("ab", needs, limits(count=2))
    told = sorted((shard.targets, content(shard, memory)) for shard in shards)
    assert told == [(("a",), b"3\n"), (("a", "b"), b"1\n2\n"), (("b",), b"3\n4\n")]


def test_lines_that_no_model_needs_are_in_no_file() -> None:
    shards, _ = cut("ab", [(b"1\n", frozenset()), (b"2\n", frozenset("b"))], limits())
    assert [(shard.targets, shard.lines) for shard in shards] == [(("b",), 1)]


def test_counting_says_what_the_files_would_hold() -> None:
    needs = [(f"line {n}\n".encode(), frozenset("ab" if n % 3 else "a")) for n in range(20)]
    shards, _ = cut("ab", needs, limits(count=4, size=30))
    counter = ShardCutter("ab", limits(count=4, size=30), CountingWriter)
    # One by one, where the files were given many lines at a time: they are cut at the same places.
    counted = [shard for line, wanted in needs for shard in counter.add([line], wanted)]
    counted += counter.finish()
    assert [(s.targets, s.lines, s.size) for s in counted] == [(s.targets, s.lines, s.size) for s in shards]


MODELS = ("m", "a", "z")


@given(
    wanted=st.lists(st.frozensets(st.sampled_from(MODELS)), max_size=40),
    count=st.integers(1, 6),
    size=st.integers(1, 60),
)
def test_each_models_files_hold_exactly_the_lines_it_needs_in_order(
    wanted: list[frozenset[str]], count: int, size: int
) -> None:
    needs = [(f"{number}{'.' * (number % 7)}\n".encode(), models) for number, models in enumerate(wanted)]
    shards, memory = cut(MODELS, needs, limits(count=count, size=size))
    for model in MODELS:
        files = [content(shard, memory) for shard in shards if model in shard.targets]
        assert b"".join(files) == b"".join(line for line, models in needs if model in models)
    for shard in shards:
        assert 0 < shard.lines <= count
        for part in shard.parts:
            held = memory.files[part.sha256]
            assert memory.told[part.sha256] == held
            assert (part.lines, part.size) == (held.count(b"\n"), len(held))
            assert part.size <= size or part.lines == 1
        assert list(shard.targets) == [model for model in MODELS if model in shard.targets]


@given(wanted=st.lists(st.frozensets(st.sampled_from("ab")), max_size=40), count=st.integers(1, 6))
def test_models_with_equal_needs_share_every_file(wanted: list[frozenset[str]], count: int) -> None:
    # `twin` needs what `a` needs.
    needs = [
        (f"{number}\n".encode(), models | ({"twin"} if "a" in models else set()))
        for number, models in enumerate(wanted)
    ]
    shards, _ = cut(["a", "b", "twin"], needs, limits(count=count))
    assert all(("a" in shard.targets) == ("twin" in shard.targets) for shard in shards)
