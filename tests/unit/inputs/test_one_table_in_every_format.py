"""The same rows come of the same table, whatever it is written as."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_inputs import nothing_wrong, zstd_packed

from batchspec.core.model import InputFiles
from batchspec.core.row_shape import RowShape, TypedColumn, shaped
from batchspec.core.row_values import ColumnType
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles

Row = Mapping[str, object]

COLUMNS = {
    "n": ColumnType.INTEGER,
    "price": ColumnType.NUMBER,
    "ok": ColumnType.BOOLEAN,
    "tags": ColumnType.JSON,
    "text": ColumnType.STRING,
}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "price": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "ok": st.none() | st.booleans(),
            "tags": st.none() | st.lists(TEXT, max_size=3),
            "text": TEXT,
        }
    ),
    max_size=5,
)


def as_csv(rows: Sequence[Row]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out, quoting=csv.QUOTE_ALL)
    table.writerow(COLUMNS)
    for row in rows:
        cells = dict(row)
        for name in ("tags", "ok", "price"):
            cells[name] = None if row[name] is None else json.dumps(row[name], ensure_ascii=False)
        table.writerow([cells[name] for name in COLUMNS])
    return out.getvalue().encode()


def as_jsonl(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_json(rows: Sequence[Row]) -> bytes:
    return json.dumps(rows).encode()


def as_parquet(rows: Sequence[Row]) -> bytes:
    pa: Any = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    pq: Any = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    kinds = {"n": pa.int64(), "price": pa.float64(), "ok": pa.bool_(), "tags": pa.list_(pa.string())}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), out)
    return out.getvalue()


WRITERS = {
    "t.csv": as_csv,
    "t.csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "t.csv.zst": lambda rows: zstd_packed(as_csv(rows)),
    "t.jsonl": as_jsonl,
    "t.jsonl.zst": lambda rows: zstd_packed(as_jsonl(rows)),
    "t.json": as_json,
    "t.parquet": as_parquet,
}


def rows_of(root: Path, name: str) -> list[Row]:
    columns = tuple(TypedColumn(name, kind, ("t", 1, 1)) for name, kind in COLUMNS.items())
    source = open_rows(InputFiles(pattern=name, place=("t", 1, 1)), RootedFiles(root))
    return [row.values for row in shaped(source, RowShape(columns=columns), {}).rows(nothing_wrong)]


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_the_rows_of_a_table_do_not_depend_on_its_format(tmp_path: Path, name: str, rows: list[Row]) -> None:
    (tmp_path / name).write_bytes(WRITERS[name](rows))
    read = rows_of(tmp_path, name)
    assert read == rows
    for one, other in zip(read, rows, strict=True):
        price, wanted = one["price"], other["price"]
        assert (price is None) == (wanted is None)
        if isinstance(price, float) and isinstance(wanted, float):
            assert math.copysign(1, price) == math.copysign(1, wanted)
