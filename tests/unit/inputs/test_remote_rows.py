"""Addresses: which are refused whatever a spec says, and rows of one that the environment allows.

`memory://` is a store of fsspec itself; that it is one of ours is said here, and nowhere in the program.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reading_inputs import SPEC_PLACE, Reading, nothing_wrong

from batchspec.core.diagnostics import Diagnostic, Location
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputFiles
from batchspec.inputs import open_rows
from batchspec.inputs.remote import STORES, Stores
from batchspec.project.files import RootedFiles

ALLOWED = Stores(allowed=("memory://bucket/in",), libraries={"memory": "fsspec"})


@pytest.fixture
def store() -> Iterator[Any]:
    fsspec: Any = pytest.importorskip("fsspec", reason="the extra `remote` is not installed")
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()


def read(root: Path, address: str, stores: Stores = ALLOWED, format_name: str | None = None) -> Reading:
    inputs = InputFiles(pattern=address, place=SPEC_PLACE, format=format_name, remote=True)
    findings: list[Diagnostic] = []
    rows = list(open_rows(inputs, RootedFiles(root), stores=stores).rows(findings.append))
    assert all(found.hint for found in findings)
    return Reading(rows, findings)


def refusal(root: Path, address: str, stores: Stores = ALLOWED) -> Diagnostic:
    with pytest.raises(InvalidInputError) as caught:
        read(root, address, stores)
    (found,) = caught.value.diagnostics
    assert found.location == Location.at(*SPEC_PLACE)
    assert found.hint
    return found


def test_rows_are_read_from_an_address_that_is_allowed_and_know_it_as_their_place(tmp_path: Path, store: Any) -> None:
    store.pipe("/bucket/in/t.csv", b"id,text\n1,one\n" + b"2,two\n" * 100_000)
    reading = read(tmp_path, "memory://bucket/in/t.csv")
    assert len(reading.rows) == 100_001
    assert reading.rows[0].place == "memory://bucket/in/t.csv:2"


def test_packed_and_parquet_objects_are_read_too(tmp_path: Path, store: Any) -> None:
    pa: Any = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    pq: Any = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    with store.open("/bucket/in/t.parquet", "wb") as stream:
        pq.write_table(pa.table({"n": [1, 2]}), stream)
    store.pipe("/bucket/in/t.jsonl.gz", gzip.compress(b'{"n": 1}\n{"n": 2}\n'))
    for name in ("t.parquet", "t.jsonl.gz"):
        assert read(tmp_path, f"memory://bucket/in/{name}").values == [{"n": 1}, {"n": 2}]


def test_an_object_that_is_not_there_is_an_error_of_its_address(tmp_path: Path, store: Any) -> None:
    reading = read(tmp_path, "memory://bucket/in/none.csv")
    assert [(found.code, found.summary) for found in reading.findings] == [
        ("remote", "there is no `memory://bucket/in/none.csv`")
    ]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("memory://bucket/other/t.csv", "may not be read in this run"),
        ("memory://bucket/inside/t.csv", "may not be read in this run"),
        ("memory://bucket/in/../other/t.csv", "no address of one object"),
        ("memory://bucket/in/%2E%2E/other/t.csv", "no address of one object"),
        ("memory://bucket/in/*.csv", "no address of one object"),
        ("memory://key:secret@bucket/in/t.csv", "no address of one object"),
        ("memory://bucket/in/t.csv?X-Amz-Signature=secret", "no address of one object"),
        ("simplecache::memory://bucket/in/t.csv", "no address of one object"),
        ("memory://bucket", "no address of one object"),
        ("file:///etc/passwd", "no address of one object"),
        ("file://host/etc/passwd", "file:// is not read"),
        ("http://169.254.169.254/latest/meta-data.csv", "http:// is not read"),
        ("https://example.com/t.csv", "https:// is not read"),
        ("zip://t.csv/x", "zip:// is not read"),
    ],
)
def test_an_address_that_nobody_allowed_or_that_hides_something_is_refused(
    tmp_path: Path, address: str, told: str
) -> None:
    found = refusal(tmp_path, address)
    assert (found.code, told in found.summary) == ("remote", True)
    assert "secret" not in found.summary + str(found.hint) + str(found.detail)


@pytest.mark.parametrize("kind", STORES)
def test_without_a_word_of_the_environment_nothing_elsewhere_is_read(tmp_path: Path, kind: str) -> None:
    found = refusal(tmp_path, f"{kind}://bucket/t.csv", Stores())
    assert found.hint == f"set BATCHSPEC_REMOTE_INPUTS={kind}://bucket/"


def test_without_the_library_of_a_store_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    found = refusal(tmp_path, "s3://bucket/t.csv", Stores(allowed=("s3://bucket/",)))
    assert found.code == "missing-extra"
    assert found.hint in {"pip install 'batchspec[remote]'", "pip install s3fs"}


def test_a_store_that_fails_while_it_is_read_is_an_error_without_its_own_words(tmp_path: Path) -> None:
    fsspec: Any = pytest.importorskip("fsspec", reason="the extra `remote` is not installed")

    class Failing:  # a store that breaks off half way, which no real one does on demand
        def read(self, _count: int) -> bytes:
            raise RuntimeError("the key AKIA-SECRET is refused")

        def close(self) -> None:
            pass

    class Store(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "failing"

        def open(self, *_: object, **__: object) -> Failing:
            return Failing()

    fsspec.register_implementation("failing", Store, clobber=True)
    reading = read(tmp_path, "failing://b/t.csv", Stores(allowed=("failing://b",), libraries={"failing": "fsspec"}))
    (found,) = reading.findings
    assert (found.code, found.detail) == ("remote", "RuntimeError")
    assert "SECRET" not in str(found)


def test_a_local_path_never_is_an_address(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id\n1\n")
    source = open_rows(InputFiles(pattern="t.csv", place=SPEC_PLACE), RootedFiles(tmp_path), stores=ALLOWED)
    assert [row.place for row in source.rows(nothing_wrong)] == ["t.csv:2"]
