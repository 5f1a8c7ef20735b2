"""No reader holds a file whole."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from reading_inputs import nothing_wrong, zstd_packed

from batchspec.core.model import InputFiles
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles

_ROWS = 40_000
_TEXT = "the text of a row, long enough that forty thousand of them would be felt " * 4


def pack(name: str, pieces: Iterable[str]) -> bytes:
    """Return the pieces as the name says, packed or not."""
    if name.endswith(".gz"):
        return gzip.compress("".join(pieces).encode(), 1)
    whole = "".join(pieces).encode()
    return zstd_packed(whole) if name.endswith(".zst") else whole


def pieces(name: str) -> Iterator[str]:
    suffix = name.removesuffix(".gz").removesuffix(".zst").rsplit(".", 1)[1]
    if suffix == "csv":
        yield "id,text\n"
    for number in range(_ROWS):
        if suffix == "csv":
            yield f'{number},"{_TEXT}"\n'
        elif suffix == "jsonl":
            yield f'{{"id": {number}, "text": "{_TEXT}"}}\n'
        elif suffix == "json":
            yield f'{"," if number else "["}\n{{"id": {number}, "text": "{_TEXT}"}}'
        else:
            yield f"{number} {_TEXT}\n"
    if suffix == "json":
        yield "]"


@pytest.mark.parametrize(
    "name", ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.json", "t.json.gz", "t.txt", "t.csv.zst"]
)
def test_memory_stays_far_below_the_size_of_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pack(name, pieces(name)))
    source = open_rows(InputFiles(pattern=name, place=("t", 1, 1)), RootedFiles(tmp_path))
    tracemalloc.start()
    try:
        count = sum(1 for _ in source.rows(nothing_wrong))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == _ROWS
    assert _ROWS * len(_TEXT) > 11_000_000
    assert peak < 4_000_000


@pytest.mark.parametrize("name", ["t.csv.gz", "t.txt.gz", "t.jsonl.gz", "t.json.gz", "t.jsonl.zst"])
def test_a_bomb_of_one_endless_line_is_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    beginning = 'id,"' if "csv" in name else '[{"a":"'
    (tmp_path / name).write_bytes(pack(name, [beginning, "x" * (300 * 2**20)]))
    source = open_rows(InputFiles(pattern=name, place=("t", 1, 1)), RootedFiles(tmp_path))
    codes: list[str] = []
    tracemalloc.start()
    try:
        assert list(source.rows(lambda found: codes.append(found.code))) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert codes == ["json-syntax" if name == "t.json.gz" else "line-too-long"]
    assert peak < 150_000_000
