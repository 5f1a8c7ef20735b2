"""Which inputs are known again by their bytes, which never are, and what changes while it is being read."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planning_desk import Counting, Desk, Settings
from project_world import chat_spec, table

from batchspec.workers import Workers

WORDS = [f"word {number}" for number in range(6)]
ANSWER = b'{"choices": [{"message": {"role": "assistant", "content": "yes"}}]}'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write("demo.batchspec.yaml", chat_spec())
    desk.write("rows.csv", table(WORDS))
    return desk


def spec_over(inputs: str, prompt: str = "Say {{ row.word }}") -> str:
    return f'batchspec: 1\nname: demo\nmodel: m\ninputs: {inputs}\nprompt: "{prompt}"\n'


def known(desk: Desk, *paths: str) -> bool:
    """Settle, plan, and tell whether the next plan looks at no row."""
    desk.settle(*paths, answer=ANSWER)
    assert desk.plan(*paths).rendered > 0
    return desk.plan(*paths).rendered == 0


def packed(desk: Desk, words: list[str]) -> None:
    (desk.root / "rows.csv.gz").write_bytes(gzip.compress(table(words).encode(), mtime=0))


def as_parquet(desk: Desk, words: list[str]) -> None:
    pq.write_table(pa.table({"word": words}), desk.root / "rows.parquet")


def test_a_packed_file_is_known_by_its_packed_bytes(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", spec_over("rows.csv.gz"))
    packed(desk, WORDS)
    assert known(desk)
    packed(desk, [*WORDS[:-1], "another"])
    assert desk.plan().sends == 1


def test_a_file_that_is_read_to_and_fro_is_known_too(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", spec_over("rows.parquet"))
    as_parquet(desk, WORDS)
    assert known(desk)
    as_parquet(desk, [*WORDS[:-1], "word 9"])
    assert desk.plan().sends == 1


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ("rows.jsonl", '{"word": "a"}\n{"word": "b"}\n'),
        ("rows.json", '[{"word": "a"}, {"word": "b"}]'),
        ("rows.yaml", "- {word: a}\n- {word: b}\n"),
        ("'[{word: a}, {word: b}]'".strip("'"), ""),
    ],
    ids=["jsonl", "json", "yaml", "inline"],
)
def test_every_input_that_is_read_straight_through_is_known_again(desk: Desk, inputs: str, text: str) -> None:
    desk.write("demo.batchspec.yaml", spec_over(inputs))
    if text:
        desk.write(inputs, text)
    assert known(desk)
    path = inputs if text else "demo.batchspec.yaml"
    desk.write(path, (desk.root / path).read_text(encoding="utf-8").replace("a}", "c}").replace('"a"', '"c"'))
    assert desk.plan().sends == 1


def test_of_a_limited_input_the_rest_counts_too(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", spec_over("{path: rows.csv, limit: 2}"))
    assert known(desk)
    desk.write("rows.csv", table([*WORDS, "more"]))
    assert desk.plan().rendered == 2
    assert desk.plan().rendered == 0


@pytest.mark.parametrize(
    ("spec", "prepare"),
    [
        (spec_over("{files: 'notes/*.txt'}", "{{ row.name }}"), lambda desk: desk.write("notes/a.txt", "a")),
        (spec_over("rows.csv", "{{ row.word }} {{ 'note.txt' | b64file }}"), lambda desk: desk.write("note.txt", "a")),
        (spec_over("{sql: SELECT 'a' AS word}"), lambda _: None),
    ],
    ids=["a row per file", "a file by a filter", "sql"],
)
def test_what_is_not_read_straight_through_is_rendered_every_time(
    desk: Desk, spec: str, prepare: Callable[[Desk], object]
) -> None:
    desk.write("demo.batchspec.yaml", spec)
    prepare(desk)
    assert not known(desk)


def test_a_file_that_a_template_may_find_missing_is_looked_for_every_time(desk: Desk) -> None:
    desk.write(
        "demo.batchspec.yaml", spec_over("rows.csv", "Say {{ row.word }}{% include 'more.txt' ignore missing %}")
    )
    assert not known(desk)
    desk.write("more.txt", ", loudly")
    assert desk.plan().sends == len(WORDS)


def test_two_specs_with_the_same_requests_see_what_happens_to_them(desk: Desk) -> None:
    desk.write("other.batchspec.yaml", chat_spec("other"))
    both = ("demo.batchspec.yaml", "other.batchspec.yaml")
    desk.settle(*both, answer=None)
    assert desk.plan(*both).rendered == 2 * len(WORDS)
    assert desk.plan(*both).rendered == 0
    # Of the second spec nothing may be remembered while the first one sends what both of them ask for.
    desk.write("rows.csv", table([*WORDS, "new"]))
    counts = [each["variants"][0] for each in desk.plan(*both).document]
    assert [(each["submit"], each["in_flight"]) for each in counts] == [(1, 6), (0, 7)]
    assert desk.plan("other.batchspec.yaml").sends == 1
    assert desk.plan(*both).document == [*desk.plan(*both).document]


def test_what_is_in_flight_by_another_spec_of_the_run_alone_is_not_remembered(desk: Desk) -> None:
    desk.write("other.batchspec.yaml", chat_spec("other"))
    both = ("demo.batchspec.yaml", "other.batchspec.yaml")
    desk.settle(*both)
    with closing(sqlite3.connect(desk.state)) as connection, connection:
        connection.execute("DELETE FROM request WHERE digest = (SELECT max(digest) FROM request)")
    counts = [each["variants"][0] for each in desk.plan(*both).document]
    assert [(each["submit"], each["in_flight"]) for each in counts] == [(1, 0), (0, 1)]
    assert desk.plan("other.batchspec.yaml").sends == 1


def test_a_pipeline_is_known_by_the_inputs_of_its_first_spec(desk: Desk) -> None:
    desk.write(
        "next.batchspec.yaml",
        'batchspec: 1\nname: next\nmodel: m\ninputs: {spec: demo, as: said}\nprompt: "{{ row.said.text }}"\n',
    )
    both = ("demo.batchspec.yaml", "next.batchspec.yaml")
    desk.settle("demo.batchspec.yaml", answer=ANSWER)
    assert known(desk, *both)
    assert desk.plan("next.batchspec.yaml").rendered == 0
    desk.write("rows.csv", table([*WORDS[:-1], "another"]))
    assert desk.plan("next.batchspec.yaml").rendered > 0
    assert desk.plan(*both).sends == 1


class Editing(Counting):
    """Does something once, in the middle of the rendering."""

    def __init__(self, edit: Callable[[], object]) -> None:
        super().__init__()
        self._edit: Callable[[], object] | None = edit

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if self._edit is not None:
            self._edit()
            self._edit = None


@pytest.mark.parametrize("path", ["rows.csv", "demo.batchspec.yaml"])
def test_what_changes_while_it_is_read_is_known_for_what_was_read(desk: Desk, path: str) -> None:
    desk.settle()
    text = (desk.root / path).read_text(encoding="utf-8")
    edit = partial(desk.write, path, text.replace("word 0", "edited").replace("Say", "Shout"))
    with desk.ledger() as ledger:
        desk.planned(desk.load(), ledger, Editing(edit), remember=True)
    assert desk.plan(remember=False).sends > 0
    desk.write(path, text)
    assert desk.plan(remember=False).rendered == 0


def test_a_table_that_changes_between_two_readings_of_it_is_not_remembered(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", chat_spec().replace("rows.csv", "'*.csv'"))
    desk.write("more.csv", table(["more"], first=50))
    desk.settle()
    [loaded] = desk.load()
    with desk.ledger() as ledger:
        desk.planned([loaded], ledger, Editing(lambda: desk.write("more.csv", table(["else"], first=50))))
    assert desk.plan(remember=False).sends in {0, 1}


def test_other_processes_tell_what_they_have_read(desk: Desk) -> None:
    source = str(Path(__file__).parents[3])
    desk.settings = Settings(workers=Workers(jobs=2, root=desk.root, environ={"PYTHONPATH": source}))
    desk.write("rows.csv", table([f"word {number}" for number in range(5_000)]))
    desk.settle()
    assert desk.plan().rendered == 5_000
    assert desk.plan().rendered == 0
    desk.write("rows.csv", table([f"word {number}" for number in range(4_999)] + ["other"]))
    assert desk.plan().sends == 1
