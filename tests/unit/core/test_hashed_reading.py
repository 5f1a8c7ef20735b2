"""What is hashed while it is read is what was read, all of it, and nothing that was read in another order."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.hashed_reading import Readings, hashed

DATA = bytes(range(256)) * 4_000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [1, 7, 4_096, 300_000, len(DATA), len(DATA) + 1])
def test_a_file_is_hashed_whatever_it_is_read_by(size: int) -> None:
    readings = Readings()
    with hashed(io.BytesIO(DATA[: 50 * size]), "a", readings) as stream:
        read = b"".join(iter(lambda: stream.read(size), b""))
    assert readings == Readings(digests={"a": sha256(read)})
    assert read == DATA[: 50 * size]


def test_lines_are_hashed_too() -> None:
    readings = Readings()
    with hashed(io.BytesIO(b"one\ntwo\n"), "a", readings) as stream:
        assert list(stream) == [b"one\n", b"two\n"]
    assert readings.digests == {"a": sha256(b"one\ntwo\n")}


def test_what_a_reader_leaves_is_hashed_when_it_closes() -> None:
    readings = Readings()
    with hashed(io.BytesIO(DATA), "a", readings) as stream:
        assert stream.read(10) == DATA[:10]
        assert readings.unfinished == 1
    assert readings == Readings(digests={"a": sha256(DATA)})


class Counted(io.BytesIO):
    """A file that counts what is read for its digest alone."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize(("size", "sound"), [(1_000_000, True), (16_000_000, False)])
def test_the_rest_of_a_large_file_is_not_read_for_the_sake_of_its_first_lines(size: int, sound: bool) -> None:
    readings, large = Readings(), Counted(bytes(size))
    with hashed(large, "a", readings) as stream:
        assert stream.read(10) == bytes(10)
    assert readings.sound is sound
    assert large.count < 5_000_000


@given(st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 700_000)), min_size=1, max_size=8))
def test_a_reader_that_goes_to_and_fro_is_given_what_is_there(looks: list[tuple[int, int]]) -> None:
    readings = Readings()
    with hashed(io.BytesIO(DATA), "a", readings) as stream:
        for at, size in looks:
            assert stream.seek(at) == at
            assert stream.read(size) == DATA[at : at + size]
    # Whoever leaves a file that was read from its front may have read what is in no block.
    assert readings.sound or looks[0][0] == 0
    assert readings.digests == ({"a": sha256(DATA)} if readings.sound else {})


@pytest.mark.parametrize(
    "edited", [b"x" + DATA[1:], DATA[:-1], DATA + b"x", DATA[:300_000] + b"x" + DATA[300_001:], b""]
)
def test_an_edit_under_a_reader_that_goes_to_and_fro_makes_it_unsound(edited: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA)
    readings = Readings()
    with hashed(path.open("rb"), "a", readings) as stream:
        assert stream.seek(-3, io.SEEK_END) == len(DATA) - 3
        assert stream.read() == DATA[-3:]
        path.write_bytes(edited)
        stream.seek(0)
        assert stream.read() == edited
    assert not readings.sound


def test_what_was_read_before_a_reader_went_elsewhere_is_not_known() -> None:
    readings = Readings()
    with hashed(io.BytesIO(DATA), "a", readings) as stream:
        assert stream.read(5) == DATA[:5]
        stream.seek(-100, io.SEEK_END)
        assert stream.read() == DATA[-100:]
    assert not readings.sound


def test_a_look_at_where_it_is_does_no_harm() -> None:
    readings = Readings()
    with hashed(io.BytesIO(DATA), "a", readings) as stream:
        assert stream.tell() == 0
        assert stream.read(5) == DATA[:5]
        assert stream.tell() == 5
    assert readings.sound


def test_a_file_that_is_read_twice_must_be_the_same() -> None:
    readings = Readings()
    for data in (b"one", b"one"):
        hashed(io.BytesIO(data), "a", readings).close()
    assert readings.sound
    hashed(io.BytesIO(b"two"), "a", readings).close()
    assert not readings.sound


class Failing(io.BytesIO):
    """A disk that fails after what was wanted has been read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_rest_that_cannot_be_read_makes_it_unsound() -> None:
    readings = Readings()
    stream = hashed(Failing(DATA), "a", readings)
    assert stream.read(3) == DATA[:3]
    stream.close()
    assert not readings.sound


@pytest.mark.parametrize(
    ("other", "sound"),
    [
        (Readings(digests={"a": "1", "b": "2"}), True),
        (Readings(digests={"a": "2"}), False),
        (Readings(digests={"a": "1"}, sound=False), False),
        (Readings(digests={"a": "1"}, unfinished=1), False),
    ],
)
def test_what_another_process_has_read_must_be_the_same(other: Readings, sound: bool) -> None:
    readings = Readings(digests={"a": "1"})
    readings.add(other)
    assert readings.sound is sound
    readings.add(Readings())
    assert readings.sound is sound
