"""No bytes whatever, from a file or from a server, end in anything but a value or a finding with a hint."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import BatchspecError, FileProblemError, InvalidInputError, ProviderError
from batchspec.core.model import InputFiles
from batchspec.core.outcomes import ResultLineError, read_result_line
from batchspec.inputs import open_rows
from batchspec.mistral.wire import read_file, read_job, read_page
from batchspec.project.files import RootedFiles
from batchspec.project.settings import load_settings
from batchspec.report.diagnostics import render_diagnostics
from batchspec.report.safe_text import safe

LARGEST = 2**63 - 1
"""What SQLite keeps as an integer."""

NUMBERS = st.integers() | st.sampled_from([2**63, 2**64 - 1, -(2**63) - 1, 10**30, 10**400, 253402300800])
LEAVES = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
NAMES = st.sampled_from(
    [
        "custom_id",
        "response",
        "status_code",
        "body",
        "error",
        "message",
        "detail",
        "msg",
        "errors",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "id",
        "status",
        "output_file",
        "error_file",
        "input_files",
        "metadata",
        "created_at",
        "total_requests",
        "data",
        "total",
    ]
) | st.text(max_size=4)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
RESULT = st.fixed_dictionaries(
    {"custom_id": st.text(max_size=6) | LEAVES},
    optional={
        "response": JSON | st.fixed_dictionaries({"status_code": NUMBERS | LEAVES, "body": JSON}),
        "error": JSON,
        "id": JSON,
    },
)


def nested(levels: int, name: str) -> bytes:
    return b'{"custom_id":"a","error":' + f'{{"{name}":'.encode() * levels + b"1" + b"}" * levels + b"}"


DAMAGE = st.sampled_from([b"", b"\0", b"\xff", b"}", b"[", b'"', b"\n", b"<html>", b"\xe2\x80\xa8", b"NaN", b"1e999"])
LINES = st.one_of(
    st.binary(max_size=200),
    RESULT.map(lambda value: json.dumps(value).encode()),
    st.tuples(RESULT.map(lambda value: json.dumps(value).encode()), st.integers(0, 300), DAMAGE).map(
        lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] :]
    ),
)


def judge_line(line: bytes) -> None:
    try:
        custom_id, outcome = read_result_line(line)
    except ResultLineError:
        return
    custom_id.encode()
    counts = [outcome.status_code, *(outcome.usage or ())]
    assert all(count is None or abs(count) <= LARGEST for count in counts)
    assert (outcome.body is None) != (outcome.error is None)
    if outcome.body is not None:
        json.loads(outcome.body)


@settings(max_examples=400)
@given(LINES)
@example(nested(900, "error"))
@example(nested(1000, "message"))
@example(b'{"custom_id":"a","error":' + b"[" * 1000 + b"]" * 1000 + b"}")
@example(b'{"custom_id":"a","response":{"status_code":18446744073709551615,"body":{}}}')
@example(b'{"custom_id":"a","response":{"status_code":200,"body":{"usage":{"prompt_tokens":18446744073709551615}}}}')
def test_any_line_of_a_result_file_is_read_or_refused(line: bytes) -> None:
    judge_line(line)


def said_in_words(error: BatchspecError) -> None:
    """One line that a terminal can show, and a way to mend it, be it that of each finding."""
    assert error.hint
    assert error.summary == safe(error.summary)
    if isinstance(error, InvalidInputError):
        assert render_diagnostics(error.diagnostics, colour=False)


def judge_answer(value: object) -> None:
    for read in (read_job, read_file, read_page):
        try:
            told = read(value)
        except ProviderError as error:
            said_in_words(error)
            continue
        for name in getattr(told, "__slots__", ()):
            count = getattr(told, name)
            assert not isinstance(count, int) or abs(count) <= LARGEST


JOB = st.dictionaries(NAMES, JSON, max_size=6).map(lambda fields: {"id": "j", "status": "SUCCESS"} | fields)


@settings(max_examples=300)
@given(JOB | JSON)
@example({"id": "j", "total_requests": 2**63})
@example({"id": "j", "created_at": 10**15})
def test_any_answer_of_the_provider_is_read_or_refused(value: object) -> None:
    judge_answer(value)


TOML = st.lists(
    st.sampled_from(
        [
            "[project]\n",
            "[defaults]\n",
            "[[defaults]]\n",
            "id = ",
            "state = ",
            "output_dir = ",
            "model = ",
            '"x"',
            "'''",
            "\n",
            '"""',
            "1",
            "inf",
            "1979-05-27",
            "[1, 2]",
            "{a = 1}",
            "..",
            '"../x"',
            '"a\\u0000b"',
            "true",
            "#",
            "=",
            ".",
            "\r",
            "defaults.a.b = 1\n",
            "metadata = ",
            "0x" + "f" * 30,
            "é",
            "\x00",
            "\ufeff",
            "\ud800",
        ]
    ),
    max_size=14,
).map("".join)


def judge_settings(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "batchspec.toml").write_bytes(content.encode("utf-8", "surrogatepass"))
        try:
            load_settings(RootedFiles(Path(folder)))
        except (InvalidInputError, FileProblemError) as error:
            said_in_words(error)


@settings(max_examples=200)
@given(TOML | st.text(max_size=60))
def test_any_settings_are_read_or_refused(content: str) -> None:
    judge_settings(content)


CELLS = st.sampled_from(
    [
        b"id",
        b"word",
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b'"',
        b'""',
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"\t",
        b";",
        b"a",
        b" ",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b'{"a":1}',
        b'"a"',
        b"1",
        b"- ",
        b"a: ",
        b"\x1b]0;x\x07",
        b"\x1c",
    ]
)
TABLE = st.lists(CELLS, max_size=40).map(b"".join) | st.binary(max_size=80)


def judge_inputs(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        found: list[Diagnostic] = []
        inputs = InputFiles(pattern=name, place=("t.batchspec.yaml", 1, 1))
        for row in open_rows(inputs, RootedFiles(Path(folder))).rows(found.append):
            assert row.line >= 1
        assert all(each.hint for each in found)
        shown = render_diagnostics(found, colour=False)
        assert not set(shown) & set("\x1b\x07\x9b\u202e\0")


FORMATS = ["csv", "tsv", "jsonl", "json", "txt", "yaml", "csv.gz"]


@settings(max_examples=60)
@given(TABLE)
@pytest.mark.parametrize("suffix", FORMATS)
def test_any_input_gives_rows_or_findings(suffix: str, content: bytes) -> None:
    judge_inputs(f"t.{suffix}", content)


@pytest.mark.slow
@settings(max_examples=20_000)
@given(LINES, JOB | JSON, TOML, TABLE, st.sampled_from(FORMATS))
def test_much_more_of_all_of_them(line: bytes, answer: object, content: str, table: bytes, suffix: str) -> None:
    judge_line(line)
    judge_answer(answer)
    judge_settings(content)
    judge_inputs(f"t.{suffix}", table)
