"""Which files a spec's inputs are, and what is refused before any is read."""

from __future__ import annotations

import gzip
import os
import pickle
import sys
from pathlib import Path

import pytest
from reading_inputs import SPEC_PLACE, nothing_wrong, read, read_bytes, zstd_packed

from batchspec.core.diagnostics import Diagnostic, Location
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InlineRows, InputFiles, InputRow
from batchspec.core.ports import RowSource
from batchspec.inputs import open_rows
from batchspec.inputs.extras import ZSTD
from batchspec.inputs.opening import FORMATS
from batchspec.project.files import RootedFiles


def refusal(
    root: Path, pattern: str, *, format_name: str | None = None, encoding: str = "utf-8", delimiter: str | None = None
) -> Diagnostic:
    with pytest.raises(InvalidInputError) as caught:
        read(root, pattern, format_name=format_name, encoding=encoding, delimiter=delimiter)
    (found,) = caught.value.diagnostics
    assert found.location == Location.at(*SPEC_PLACE)
    assert found.hint
    return found


def test_inline_rows_are_the_spec_s_own(tmp_path: Path) -> None:
    rows = (InputRow({"a": 1}, "t.batchspec.yaml", 4), InputRow({"a": 2}, "t.batchspec.yaml", 5))
    source: RowSource = open_rows(InlineRows(rows=rows), RootedFiles(tmp_path))
    assert tuple(source.rows(nothing_wrong)) == rows


def test_a_glob_s_files_are_read_in_name_order_each_row_with_its_own_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    read_bytes(tmp_path, "data/b.csv", b"id\n3\n")
    read_bytes(tmp_path, "data/a.jsonl", b'{"id":1}\n\n{"id":2}\n')
    read_bytes(tmp_path, "data/c.txt.gz", gzip.compress(b"four\n"))
    reading = read(tmp_path, "data/*")
    places = [row.place for row in reading.rows]
    assert places == [
        "data/a.jsonl:1",
        "data/a.jsonl:3",
        "data/b.csv:2",
        "data/c.txt.gz:1",
    ]


def test_the_rows_can_be_read_again_and_sent_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id\n1\n")
    source = open_rows(InputFiles(pattern="t.csv", place=SPEC_PLACE), RootedFiles(tmp_path))
    again = pickle.loads(pickle.dumps(source))
    expected = [InputRow({"id": "1"}, "t.csv", 2)]
    for one in (source, source, again):
        assert list(one.rows(nothing_wrong)) == expected


@pytest.mark.parametrize("name", ["t.CSV", "t.data", "csv"])
def test_a_format_that_is_named_goes_before_the_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id\n1\n")
    assert read(tmp_path, name, format_name="csv").values == [{"id": "1"}]


def test_a_suffix_may_be_in_capitals_and_packed(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "T.CSV.GZ", gzip.compress(b"id\n1\n")).values == [{"id": "1"}]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_reader(tmp_path: Path, name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    (tmp_path / f"t.{name}").write_text('[{"a": 1}]' if name in {"json", "yaml", "yml"} else "")
    reading = read(tmp_path, f"t.{name}")
    assert len(reading.rows) == (1 if name in {"json", "yaml", "yml"} else 0)


def test_a_missing_file_gets_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").touch()
    found = refusal(tmp_path, "tikets.csv")
    assert (found.summary, found.hint) == ("there is no file `tikets.csv`", "did you mean `tickets.csv`?")


def test_a_folder_a_pipe_and_a_leak_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (tmp_path / "secret.csv").touch()
    (root / "leak.csv").symlink_to(tmp_path / "secret.csv")
    assert "a folder" in refusal(root, "data").summary
    assert "leaves" in refusal(root, "leak.csv").summary
    assert "leaves" in refusal(root, "*.csv").summary
    assert "leaves" in refusal(root, "../secret.csv").summary
    assert "absolute" in refusal(root, str(tmp_path / "secret.csv")).summary


def test_a_pipe_that_a_glob_finds_is_reported_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("id\n1\n")
    reading = read(tmp_path, "*.csv")
    assert [(found.location.path, found.code) for found in reading.findings] == [("a.csv", "file")]
    assert reading.values == [{"id": "1"}]


def test_a_glob_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "data/*.csv").code == "no-files"


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("t.cvs", "unknown-format", "did you mean `csv`?"),
        ("t.xlsx.gz", "unknown-format", None),
        ("t", "unknown-format", "say it, for example `format: csv`"),
        ("t.gz", "unknown-format", "say it, for example `format: csv`"),
        ("t.parquett", "unknown-format", "did you mean `parquet`?"),
        ("t.zst", "unknown-format", "say it, for example `format: csv`"),
    ],
)
def test_a_suffix_that_is_not_read_is_refused(tmp_path: Path, name: str, code: str, hint: str | None) -> None:
    (tmp_path / name).touch()
    found = refusal(tmp_path, name)
    assert found.code == code
    assert name in found.summary
    assert hint is None or found.hint == hint


def test_every_file_of_a_glob_that_is_not_read_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("a.cvs", "b.csv", "c.xlsx"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, "*")
    assert [found.code for found in caught.value.diagnostics] == ["unknown-format", "unknown-format"]


@pytest.mark.parametrize("encoding", ["utf-88", "base64", "rot13", "undefined", "", "a\0b"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").touch()
    assert refusal(tmp_path, "t.csv", encoding=encoding).code == "unknown-encoding"


@pytest.mark.parametrize("delimiter", ["", ",,", "\\t", '"', "\n"])
def test_a_delimiter_that_is_no_single_character_is_refused(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "t.csv").touch()
    assert refusal(tmp_path, "t.csv", delimiter=delimiter).code == "delimiter"


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.yaml"])
def test_options_that_a_format_does_not_have_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert refusal(tmp_path, name, encoding="latin-1").code == "option"
    assert refusal(tmp_path, name, delimiter=";").code == "option"


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz", "t.json.gz", "t.txt.gz", "t.yaml.gz"])
def test_damaged_gzip_is_an_error_of_its_file(tmp_path: Path, name: str) -> None:
    whole = gzip.compress(b'[{"a": 1}]\n' * 1000)
    for data in (b"plain text", whole[:-12], whole[:20] + b"\xff\xff\xff" + whole[23:]):
        assert "gzip" in [found.code for found in read_bytes(tmp_path, name, data).findings]


@pytest.mark.parametrize("name", ["t.csv.zst", "t.jsonl.zst", "t.json.zst", "t.txt.zst", "t.yaml.zst"])
def test_damaged_zstd_is_an_error_of_its_file(tmp_path: Path, name: str) -> None:
    whole = zstd_packed(b'[{"a": 1}]\n' * 1000)
    for data in (b"plain text", whole[:-5], whole[:20] + b"\xff\xff\xff" + whole[23:], b""):
        assert "zstd" in [found.code for found in read_bytes(tmp_path, name, data).findings]


def test_a_zstd_file_may_hold_several_frames(tmp_path: Path) -> None:
    data = zstd_packed(b"id\n1\n") + zstd_packed(b"2\n")
    assert read_bytes(tmp_path, "T.CSV.ZST", data).values == [{"id": "1"}, {"id": "2"}]


def test_a_zstd_frame_that_wants_more_memory_than_128_mib_is_refused(tmp_path: Path) -> None:
    # Magic, a descriptor without a size of the content, and a window of 2 GiB.
    data = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"
    zstd_packed(b"")
    assert read_bytes(tmp_path, "t.csv.zst", data).faults[0] == ("zstd", None)


def test_an_extra_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ZSTD.modules:
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "t.csv.zst").touch()
    found = refusal(tmp_path, "t.csv.zst")
    assert (found.code, found.hint) == ("missing-extra", "pip install 'batchspec[zstd]'")


def test_a_file_that_went_away_since_is_an_error_and_the_next_is_read(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id\n1\n")
    source = open_rows(InputFiles(pattern="*.csv", place=SPEC_PLACE), RootedFiles(tmp_path))
    (tmp_path / "a.csv").unlink()
    findings: list[Diagnostic] = []
    assert [row.path for row in source.rows(findings.append)] == ["b.csv"]
    assert [(found.code, found.location.path) for found in findings] == [("file", "a.csv")]


def test_a_reader_left_half_way_closes_its_file(tmp_path: Path) -> None:
    for name, text in (("t.csv", "id\n1\n2\n"), ("t.jsonl", '{"a":1}\n{"a":2}\n'), ("t.json", '[{"a":1},{"a":2}]')):
        (tmp_path / name).write_text(text)
        rows = open_rows(InputFiles(pattern=name, place=SPEC_PLACE), RootedFiles(tmp_path)).rows(nothing_wrong)
        next(iter(rows))
        del rows  # a file left open would be a ResourceWarning, which is an error here
