"""Marks of local files: made of content and suffix, replaced by ids on the wire, and put back from the files' names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.uploads import LocalFile, file_ids, marked, with_ids, with_marks

SHA = "ab" * 32
FILE = LocalFile(SHA, "scans/page one.PDF")
LINE = b'{"custom_id":"a","body":{"document":{"file_id":"' + FILE.mark.encode() + b'","type":"file"}}}\n'


@pytest.mark.parametrize(
    ("path", "suffix"),
    [("a.pdf", ".pdf"), ("d.x/A.PNG", ".png"), ("plain", ""), ("d.pdf/plain", ""), ("a.tar.gz", ".gz"), ("a.p df", "")],
)
def test_a_file_is_known_by_content_and_suffix(path: str, suffix: str) -> None:
    file = LocalFile(SHA, path)
    assert file.suffix == suffix
    assert file.mark == f"batchspec-upload:{SHA}{suffix}"
    assert file.remote_name == f"batchspec-{SHA}{suffix}"


def test_marks_are_found_and_replaced() -> None:
    assert marked(LINE) == {SHA}
    assert marked(b'{"custom_id":"a","body":{}}\n') == set()
    sent = with_ids(LINE, {SHA: "f-1"})
    assert b'"file_id":"f-1"' in sent
    assert file_ids(sent) == {"f-1"}


def test_a_mark_of_no_known_file_stays_as_it_was_written() -> None:
    assert with_ids(LINE, {}) == LINE


def test_only_files_of_our_own_naming_become_marks_again() -> None:
    line = b'{"file_id":"f-1","other":{"file_id":"f-2"},"gone":{"file_id":"f-3"}}'
    told = with_marks(line, {"f-1": FILE.remote_name, "f-2": "invoice.pdf", "f-3": None})
    assert told == line.replace(b'"f-1"', b'"' + FILE.mark.encode() + b'"')


@given(sha256=st.binary(min_size=32, max_size=32).map(bytes.hex), suffix=st.sampled_from(["", ".pdf", ".png"]))
def test_what_is_replaced_is_put_back(sha256: str, suffix: str) -> None:
    file = LocalFile(sha256, f"x{suffix}")
    line = b'{"body":{"document":{"file_id":"' + file.mark.encode() + b'"}}}\n'
    assert with_marks(with_ids(line, {sha256: "id-1"}), {"id-1": file.remote_name}) == line
