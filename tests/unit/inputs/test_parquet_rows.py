"""Parquet: which values rows get of which types, in flat memory, and what a file that is none is told."""

from __future__ import annotations

import sys
import tracemalloc
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from reading_inputs import Reading, nothing_wrong, read, read_bytes

from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputFiles
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles

pa: Any = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
pq: Any = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")

NOON = datetime(2026, 1, 31, 12, 0, 0, 120000)


def written(root: Path, columns: dict[str, Any], **options: Any) -> Reading:
    pq.write_table(pa.table(columns), root / "t.parquet", **options)
    return read(root, "t.parquet")


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (pa.bool_(), True, True),
        (pa.int8(), -3, -3),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.float16(), 1.5, 1.5),
        (pa.float64(), 0.1, 0.1),
        (pa.string(), "é\0", "é\0"),
        (pa.large_string(), "a", "a"),
        (pa.dictionary(pa.int8(), pa.string()), "a", "a"),
        (pa.date32(), date(2026, 1, 31), "2026-01-31"),
        (pa.date64(), date(2026, 1, 31), "2026-01-31"),
        (pa.timestamp("s"), NOON.replace(microsecond=0), "2026-01-31T12:00:00"),
        (pa.timestamp("us"), NOON, "2026-01-31T12:00:00.12"),
        (pa.timestamp("ns"), 1769860800123456789, "2026-01-31T12:00:00.123456789"),
        (pa.timestamp("us", "UTC"), NOON.replace(tzinfo=UTC), "2026-01-31T12:00:00.12Z"),
        (pa.timestamp("ms", "Europe/Paris"), NOON.replace(tzinfo=UTC), "2026-01-31T12:00:00.12Z"),
        (pa.time32("s"), time(1, 2, 3), "01:02:03"),
        (pa.time64("us"), time(1, 2, 3, 500), "01:02:03.0005"),
        (pa.decimal128(10, 2), Decimal("1.10"), "1.10"),
        (pa.decimal128(20, 10), Decimal(0), "0.0000000000"),
        (pa.list_(pa.int64()), [1, None], [1, None]),
        (pa.list_(pa.float32(), 2), [1.0, 2.0], [1.0, 2.0]),
        (pa.list_(pa.timestamp("ns", "UTC")), [NOON, None], ["2026-01-31T12:00:00.12Z", None]),
        (
            pa.struct([("at", pa.date32()), ("all", pa.list_(pa.decimal128(5, 2)))]),
            {"at": date(2026, 1, 31), "all": [Decimal("1.5")]},
            {"at": "2026-01-31", "all": ["1.50"]},
        ),
        (pa.map_(pa.string(), pa.date32()), [("k", date(2026, 1, 31))], {"k": "2026-01-31"}),
        (pa.map_(pa.int64(), pa.int64()), [(1, 2)], {"1": 2}),
    ],
    ids=str,
)
def test_a_value_is_what_json_can_hold_and_null_is_null(tmp_path: Path, kind: Any, value: Any, wanted: object) -> None:
    reading = written(tmp_path, {"x": pa.array([value, None], kind)})
    assert reading.values == [{"x": wanted}, {"x": None}]


def test_a_rows_place_is_its_number_in_the_file(tmp_path: Path) -> None:
    reading = written(tmp_path, {"n": list(range(5000))}, row_group_size=700)
    assert reading.lines == list(range(1, 5001))
    assert [row["n"] for row in reading.values] == list(range(5000))
    assert reading.rows[-1].place == "t.parquet:5000"


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.binary(), b"a", "binary values"),
        (pa.binary(3), b"abc", "binary values"),
        (pa.duration("s"), timedelta(1), "durations"),
        (pa.list_(pa.binary()), [b"a"], "binary values"),
        (pa.map_(pa.float64(), pa.int64()), [(1.5, 1)], "keys"),
        (pa.map_(pa.string(), pa.int64()), [("a", 1), ("a", 2)], "`a` twice"),
        (pa.float64(), float("nan"), "no JSON number"),
        (pa.list_(pa.float64()), [float("inf")], "no JSON number"),
    ],
    ids=str,
)
def test_what_json_cannot_hold_is_refused_by_column_or_by_row(tmp_path: Path, kind: Any, value: Any, told: str) -> None:
    reading = written(tmp_path, {"good": [1, 2], "x": pa.array([None, value], kind)})
    (found,) = reading.findings
    assert (found.code, found.location.span and found.location.span.line) in {
        ("column-unsupported", None),
        ("value-unsupported", 2),
    }
    assert "`x`" in found.summary
    assert told in found.summary


def test_two_columns_of_one_name_and_one_without_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1])] * 3, names=["a", "a", ""])
    pq.write_table(table, tmp_path / "t.parquet")
    reading = read(tmp_path, "t.parquet")
    assert ([code for code, _ in reading.faults], reading.rows) == (["duplicate-column", "empty-column-name"], [])


def test_a_file_that_is_damaged_cut_short_or_no_parquet_is_an_error_of_its_file(tmp_path: Path) -> None:
    written(tmp_path, {"n": list(range(1000)), "t": [f"text {n}" for n in range(1000)]})
    whole = (tmp_path / "t.parquet").read_bytes()
    for data in (b"", b"id\n1\n", whole[:-20], whole[:2000], whole[:200] + b"\xff" * 80 + whole[280:]):
        assert read_bytes(tmp_path, "t.parquet", data).faults == [("parquet", None)]


@pytest.mark.parametrize("flipped", range(0, 400, 7))
def test_no_flipped_byte_ends_in_anything_but_rows_or_a_finding(tmp_path: Path, flipped: int) -> None:
    written(tmp_path, {"n": [1, 2, 3], "t": ["a", "b", None], "l": [[1], [], None]})
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[-1 - flipped % len(data)] ^= 0x55
    reading = read_bytes(tmp_path, "t.parquet", bytes(data))
    assert len(reading.rows) <= 3 or reading.findings


def test_a_parquet_file_is_not_packed_once_more(tmp_path: Path) -> None:
    (tmp_path / "t.parquet.gz").touch()
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, "t.parquet.gz")
    assert caught.value.diagnostics[0].code == "option"


def test_without_the_extra_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").touch()
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, "t.parquet")
    (found,) = caught.value.diagnostics
    assert (found.code, found.hint) == ("missing-extra", "pip install 'batchspec[parquet]'")


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_rows_even_in_one_row_group(tmp_path: Path, count: int) -> None:
    text = "the text of a row, long enough to be felt " * 5
    columns = {"id": range(count), "text": pa.array([f"{number} {text}" for number in range(count)])}
    pq.write_table(pa.table({"id": pa.array(columns["id"]), "text": columns["text"]}), tmp_path / "t.parquet")
    del columns
    pool = pa.default_memory_pool()
    source = open_rows(InputFiles(pattern="t.parquet", place=("t", 1, 1)), RootedFiles(tmp_path))
    before, most = pool.bytes_allocated(), 0
    tracemalloc.start()
    try:
        for number, _ in enumerate(source.rows(nothing_wrong)):
            if number % 500 == 0:
                most = max(most, pool.bytes_allocated() - before)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count * len(text) > 20_000_000
    assert most + peak < 16_000_000
