"""Parquet whose columns have the types of their cells, whatever order they come in, and lose no digit."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.records import Cell, JsonText, OutputFormat, Record
from batchspec.outputs import open_writer

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
import pyarrow.parquet as pq

_CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
)


def written(columns: list[str], *records: Record) -> bytes:
    stream = io.BytesIO()
    writer = open_writer(OutputFormat.PARQUET, stream, columns)
    writer.write(records)
    writer.finish()
    writer.close()
    return stream.getvalue()


def column(*cells: Cell) -> tuple[str, list[object]]:
    table = pq.read_table(io.BytesIO(written(["a"], *((cell,) for cell in cells))))
    return str(table.schema.field("a").type), table.column("a").to_pylist()


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ((True, None, False), "bool", [True, None, False]),
        ((1, None, -(2**63)), "int64", [1, None, -(2**63)]),
        ((1, 2.5, None), "double", [1.0, 2.5, None]),
        ((2**53, 0.5), "double", [float(2**53), 0.5]),
        ((2**53 + 1, 0.5), "string", ["9007199254740993", "0.5"]),
        ((2**64, 1), "string", [str(2**64), "1"]),
        ((None, None), "string", [None, None]),
        ((), "string", []),
        ((1, True), "string", ["1", "true"]),
        ((1, "one", 2.5, None, True), "string", ["1", "one", "2.5", None, "true"]),
        ((JsonText(b'{"n":1.50}'), None, "x", 1), "string", ['{"n":1.50}', None, "x", "1"]),
        ((1.5, None, -0.5), "double", [1.5, None, -0.5]),
        (("=1+1", "é\u2028\0"), "string", ["=1+1", "é\u2028\0"]),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_all_its_cells(
    cells: tuple[Cell, ...], kind: str, values: list[object]
) -> None:
    assert column(*cells) == (kind, values)


@given(st.lists(_CELLS, max_size=20))
def test_every_cell_comes_back(cells: list[Cell]) -> None:
    kind, values = column(*cells)
    if kind == "string":
        told = [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]
        assert [_number(value) for value in values] == [_number(value) for value in told]
    else:
        assert values == cells


def _number(value: object) -> object:
    """Numbers have several spellings."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def test_a_table_of_many_rows_has_row_groups_and_the_same_bytes_each_time() -> None:
    records = [(f"id-{number}", number, "x" * 200) for number in range(120_000)]
    data = written(["id", "n", "text"], *records)
    table = pq.ParquetFile(io.BytesIO(data))
    assert table.metadata.num_rows == 120_000
    assert table.metadata.num_row_groups >= 3
    assert table.read().column("n").to_pylist() == list(range(120_000))
    assert written(["id", "n", "text"], *records) == data


def test_a_table_without_rows_has_its_columns() -> None:
    assert pq.read_table(io.BytesIO(written(["id", "a b"]))).column_names == ["id", "a b"]


def test_a_writer_that_is_given_up_leaves_nothing_open() -> None:
    writer = open_writer(OutputFormat.PARQUET, io.BytesIO(), ["a"])
    writer.write([("x",)])
    writer.close()
