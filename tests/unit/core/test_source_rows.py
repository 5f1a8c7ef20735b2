from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.model import InputRow
from batchspec.core.source import stream_rows
from batchspec.core.source.events import parser_factory


def read(data: str | bytes, *, compiled: bool = True) -> tuple[list[InputRow], list[Diagnostic]]:
    found: list[Diagnostic] = []
    stream = io.BytesIO(data.encode("utf-8") if isinstance(data, str) else data)
    rows = list(stream_rows(stream, "rows.yaml", found.append, parser_factory(compiled=compiled)))
    return rows, found


def codes(data: str | bytes) -> list[str]:
    return [each.code for each in read(data)[1]]


@pytest.mark.parametrize("compiled", [True, False])
def test_rows_come_with_their_lines(compiled: bool) -> None:
    rows, found = read("# data\n- id: 1\n  text: a\n\n- {id: 010}\n-\n  id: yes\n", compiled=compiled)
    assert found == []
    assert rows == [
        InputRow({"id": 1, "text": "a"}, "rows.yaml", 2),
        InputRow({"id": 10}, "rows.yaml", 5),
        InputRow({"id": "yes"}, "rows.yaml", 7),
    ]


@pytest.mark.parametrize(
    "data", ["[{a: 1}, {a: 2}]", '[{"a": 1},\n{"a": 2}]', "- a: 1\r\n- a: 2\r\n", "- a: 1\r- a: 2"]
)
def test_flow_lists_json_and_any_line_end_are_read(data: str) -> None:
    assert [row.values for row in read(data)[0]] == [{"a": 1}, {"a": 2}]


def test_an_empty_list_has_no_rows() -> None:
    assert read("[]\n") == ([], [])


def test_a_byte_order_mark_is_dropped() -> None:
    assert read(b"\xef\xbb\xbf- a: 1\n")[0][0].values == {"a": 1}


def test_a_bad_row_is_reported_and_reading_goes_on() -> None:
    rows, found = read("- a: 1\n- just text\n- {a: 1, a: 2}\n- [1]\n- b: .nan\n- a: 3\n")
    assert [row.values for row in rows] == [{"a": 1}, {"a": 3}]
    assert [(each.code, each.location.span.line if each.location.span else 0) for each in found] == [
        ("row-not-mapping", 2),
        ("duplicate-key", 3),
        ("row-not-mapping", 4),
        ("not-json", 5),
    ]
    assert [each.source_line for each in found] == ["- just text", "- {a: 1, a: 2}", "- [1]", "- b: .nan"]


@pytest.mark.parametrize("data", ["a: 1\n", "text\n", "{a: [1]}\n", "&a 1"])
def test_what_is_no_list_is_refused(data: str) -> None:
    assert codes(data) == ["rows-not-list"]


@pytest.mark.parametrize("data", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_refused(data: str) -> None:
    assert codes(data) == ["empty-document"]


def test_a_second_document_is_refused_after_the_first_ones_rows() -> None:
    rows, found = read("- a: 1\n---\n- a: 2\n")
    assert len(rows) == 1
    assert [each.code for each in found] == ["several-documents"]


def test_rows_before_an_error_of_syntax_are_read() -> None:
    rows, found = read("- a: 1\n- a: 2\n- a: [\n- b\n")
    assert [row.values for row in rows] == [{"a": 1}, {"a": 2}]
    assert [each.code for each in found] == ["yaml-syntax"]


def test_anchors_last_from_row_to_row() -> None:
    rows, found = read("- &base {model: a, n: 1}\n- <<: *base\n  n: 2\n")
    assert found == []
    assert rows[1].values == {"model": "a", "n": 2}


def test_what_anchors_keep_is_bounded() -> None:
    row = "- &a{} [" + "1," * 1000 + "]\n"
    assert codes("".join(row.format(n) for n in range(110)))[-1] == "alias-budget"
    assert "alias-budget" not in codes("".join(row.format("") for _ in range(110)))


def test_an_alias_bomb_in_a_row_is_refused() -> None:
    row = "- {a0: &a0 [x, x, x, x, x, x, x, x, x, x]"
    row += "".join(f", a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)) + "}\n"
    assert codes(row) == ["alias-budget"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_deep_row_is_refused(opening: str) -> None:
    assert codes("- a: 1\n- " + opening * 100_000) == ["too-deep"]


def test_bytes_that_are_not_utf8_are_located() -> None:
    rows, found = read(b"- a: 1\n- a: \xff\n")
    assert [each.code for each in found] == ["encoding"]
    assert found[0].location.span is not None
    assert found[0].location.span.line == 2
    assert "0xFF" in found[0].summary
    assert rows == []


def test_characters_that_yaml_refuses_are_located_beyond_the_first_chunk() -> None:
    (found,) = read("- a: 1\n" * 20_000 + "- a: x\x1by\n")[1]
    assert found.location.span is not None
    assert found.location.span[:2] == (20_001, 7)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("compiled", [True, False])
def test_line_breaks_of_old_yaml_are_ordinary_characters(character: str, compiled: bool) -> None:
    rows, found = read(f'- a: "x{character}y"\n- a: z\n', compiled=compiled)
    assert found == []
    assert [(row.values, row.line) for row in rows] == [({"a": f"x{character}y"}, 1), ({"a": "z"}, 2)]


class Chunked(io.BytesIO):
    """Bytes that are made as they are read, so that a file need not be."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    def read(self, size: int | None = -1) -> bytes:
        return next(self._chunks, b"")


WORDS = b"words " * 500


@pytest.mark.parametrize(
    ("row", "start"),
    [(b"- {id: 1, text: %s}\n" % WORDS, b""), (b"{id: 1, text: %s}, " % WORDS, b"[")],
    ids=["block", "one line"],
)
def test_a_long_list_is_never_held_whole(row: bytes, start: bytes) -> None:
    chunks = [start, *([row * 20] * 100), b"]" if start else b""]
    found: list[Diagnostic] = []
    tracemalloc.start()
    count = sum(1 for _ in stream_rows(Chunked(chunk for chunk in chunks if chunk), "rows.yaml", found.append))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, found) == (2_000, [])
    assert peak < 1_000_000


def test_a_row_over_16_mb_is_refused() -> None:
    chunks = iter([b"- a: 1\n- '", *([b"x" * 60_000] * 280)])
    found: list[Diagnostic] = []
    list(stream_rows(Chunked(chunks), "rows.yaml", found.append))
    assert [each.code for each in found] == ["too-large"]


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        data = super().read(10)
        if not data:
            raise EOFError("the archive is cut short")
        return data


def test_what_the_stream_raises_comes_through() -> None:
    with pytest.raises(EOFError, match="cut short"):
        list(stream_rows(Broken(b"- a: 1\n- a: 2\n"), "rows.yaml", lambda _: None))
