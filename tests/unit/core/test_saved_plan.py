"""Saved plans on their way to a file and back: what is written is read, and nothing else is."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.core.json_text import encode
from batchspec.core.model import RequestDigest
from batchspec.core.saved_plan import (
    BEGINNING,
    Batch,
    Made,
    SavedPlan,
    SavedPlanError,
    SavedSpec,
    read_plan,
    variant_key,
    without_texts,
    write_plan,
)
from batchspec.state.request_table import SqliteRequestTable

BATCHES = [
    Batch("demo", "", "mistral-small-latest", 0, 0, "submit", "row added", 0),
    Batch("demo", variant_key('{"heat":1}'), "ministral-8b-latest", 2, 1, "retry", "failed in a way that may pass", 2),
]
Requests = dict[RequestDigest, Batch]


def plan(**changes: object) -> SavedPlan:
    spec = SavedSpec(
        name="demo",
        path="demo.batchspec.yaml",
        rows="00",
        sources={"demo.batchspec.yaml": "11", "prompts/a.md": "22"},
        inputs=None,
        plan={"name": "demo", "path": "demo.batchspec.yaml", "variants": []},
    )
    made = Made(
        specs=("demo.batchspec.yaml",), var=("a=b",), var_files={"v.yaml": "33"}, environment={"X": "44"}, env="dev"
    )
    values: dict[str, object] = {
        "id": "an-id",
        "created_at": 1.5,
        "batchspec_version": "0.1.0",
        "project": "a-project",
        "provider": "mistral",
        "refreshed": True,
        "made": made,
        "specs": (spec,),
        "summary": {"submit": 1},
    }
    return SavedPlan(**values | changes)  # type: ignore[arg-type]


def written(requests: Requests) -> bytes:
    stream = io.BytesIO()
    with SqliteRequestTable() as table:
        for digest, batch in requests.items():
            table.add(batch, [digest])
        write_plan(stream, plan(), table)
    return stream.getvalue()


def read(data: bytes) -> tuple[SavedPlan, Requests]:
    with SqliteRequestTable() as table:
        told = read_plan(io.BytesIO(data), table)
        return told, {digest: batch for batch, digests in table.batches(3) for digest in digests}


digests = st.binary(min_size=16, max_size=16).map(RequestDigest)
some_requests = st.dictionaries(digests, st.sampled_from(BATCHES), max_size=30)


@given(some_requests)
def test_what_is_written_is_read(requests: Requests) -> None:
    data = written(requests)
    assert data.startswith(BEGINNING)
    assert read(data) == (plan(), requests)


@settings(max_examples=300)
@given(st.data(), some_requests)
def test_a_plan_of_which_any_byte_is_missing_or_another_is_refused(data: st.DataObject, requests: Requests) -> None:
    whole = written(requests)
    at = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.sampled_from(["cut", "drop", "other", "double"]))
    other = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    broken = {
        "cut": whole[:at],
        "drop": whole[:at] + whole[at + 1 :],
        "other": whole[:at] + other + whole[at + 1 :],
        "double": whole + whole[at:],
    }[change]
    with pytest.raises(SavedPlanError):
        read(broken)


@given(st.binary(max_size=200))
def test_whatever_else_is_no_plan(data: bytes) -> None:
    with pytest.raises(SavedPlanError):
        read(BEGINNING + data)


def sealed(*lines: object) -> bytes:
    """Lines with the end that fits them, as a forger would write it."""
    body = b"".join(encode(line) + b"\n" for line in lines)
    return body + encode({"end": hashlib.sha256(body).hexdigest()}) + b"\n"


def parts() -> Iterator[tuple[dict[str, object], ...]]:
    yield tuple(json.loads(line) for line in written({RequestDigest(b"x" * 16): BATCHES[0]}).splitlines()[:-1])


@pytest.mark.parametrize(
    ("line", "key", "value", "word"),
    [
        (0, "format_version", "2.0", "of version 2.0"),
        (0, "format_version", "1.1", "of version 1.1"),
        (0, "format_version", "one", "of which version"),
        (0, "format_version", 1, "`format_version`"),
        (0, "id", None, "`id`"),
        (0, "created_at", "now", "`created_at`"),
        (0, "made", [], "`made`"),
        (0, "made", {"specs": [1], "var": [], "var_files": {}, "environment": {}}, "`specs`"),
        (0, "made", {"specs": [], "var": [], "var_files": {"a": 1}, "environment": {}}, "`var_files`"),
        (1, "rows", 7, "`rows`"),
        (1, "sources", {"files": 7}, "`files`"),
        (2, "digests", ["zz"], "a digest of it"),
        (2, "digests", ["00"], "not of the right length"),
        (2, "digests", ["00" * 16, "00" * 16], "stands in it twice"),
        (2, "requests", {}, "`spec`"),
        (2, "requests", {**BATCHES[0]._asdict(), "tries": True}, "`tries`"),
    ],
)
def test_a_forged_plan_is_refused_by_what_is_wrong_with_it(line: int, key: str, value: object, word: str) -> None:
    (lines,) = parts()
    lines[line][key] = value
    with pytest.raises(SavedPlanError, match=word):
        read(sealed(*lines))


def test_a_line_of_no_known_kind_is_refused() -> None:
    (lines,) = parts()
    unknown: list[object] = [{"other": 1}, [], 3]
    for line in unknown:
        with pytest.raises(SavedPlanError):
            read(sealed(*lines, line))


def test_a_matrix_keeps_single_words_and_numbers_and_hides_other_text() -> None:
    matrix = {
        "tone": "kindly",
        "heat": 0.5,
        "prompt": "Say {{ row.word }}",
        "long": "x" * 65,
        "many": ["a"],
        "no": None,
    }
    told = without_texts({"name": "demo", "variants": [{"matrix": matrix, "submit": 1}]})
    shown = told["variants"][0]["matrix"]  # type: ignore[index]
    assert (shown["tone"], shown["heat"], shown["no"]) == ("kindly", 0.5, None)
    assert all(set(shown[name]) == {"sha256"} for name in ("prompt", "long", "many"))
    assert "row.word" not in str(told)
