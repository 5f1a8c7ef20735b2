"""JSON Lines: one object a line, whatever is in it, its nested values byte for byte as they came."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.records import Cell, JsonText, OutputFormat
from batchspec.outputs import open_writer

_CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def written(columns: list[str], *records: tuple[Cell, ...]) -> bytes:
    stream = io.BytesIO()
    writer = open_writer(OutputFormat.JSONL, stream, columns)
    writer.write(records)
    writer.finish()
    return stream.getvalue()


def test_keys_stand_in_the_order_of_the_columns_and_nested_values_as_they_came() -> None:
    data = written(["b", "a", 'say "x"'], ("é\u2028", JsonText(b'{"z":1.50,"n":12345678901234567890}'), None))
    assert data == '{"b":"é\u2028","a":{"z":1.50,"n":12345678901234567890},"say \\"x\\"":null}\n'.encode()


@given(st.lists(st.tuples(_CELLS, _CELLS), max_size=5))
def test_every_record_comes_back_from_a_line_of_its_own(records: list[tuple[Cell, Cell]]) -> None:
    lines = written(["a", "b"], *records).split(b"\n")
    assert lines.pop() == b""
    assert [tuple(json.loads(line).values()) for line in lines] == records
