"""What is unchanged is known without its rows, and nothing that changes goes unseen, however well it is hidden."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from planning_desk import Desk
from project_world import table

from batchspec.core.ledger import RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.model_lock import ModelLock, Pin
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.variables import Given
from batchspec.state.forgetting import SqliteForgetting

WORDS = ["one", "two", "three", "four"]
SPEC = """\
batchspec: 1
extends: base.yaml
name: demo
inputs:
  path: "rows/*.csv"
  where: row.word != vars.left
  limit: 100
custom_id: "{{ row.id }}"
vars: {tone: plain, left: nothing}
prompt:
  system: {file: system.txt}
  user: "{% include 'user.txt' %}"
environments:
  small: {inputs: {path: rows/a.csv}}
"""


SINGLE = 'batchspec: 1\nname: demo\nmodel: m\ninputs: rows.csv\nprompt: "Hello {{ row | string }}"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A project with everything that a plan is made of, and nothing to send."""
    desk = Desk(tmp_path)
    desk.write("base.yaml", "model: mistral-small-latest\nbody: {max_tokens: 20}\n")
    desk.write("demo.batchspec.yaml", SPEC)
    desk.write("system.txt", "Be {{ vars.tone }}.")
    desk.write("user.txt", "Say {{ row.word }}{% include 'by-word/' ~ row.word ~ '.txt' %}")
    for word in (*WORDS, "five", "six", "oxe"):
        desk.write(f"by-word/{word}.txt", ".")
    desk.write("rows/a.csv", table(WORDS))
    desk.write("rows/b.csv", table(["five"], first=10))
    desk.settle()
    assert desk.plan().rendered == 5
    assert desk.plan().rendered == 0
    return desk


def in_place(path: Path, old: str, new: str) -> None:
    """Edit a file so that its size, its times and its inode stay what they were."""
    before = path.stat()
    text = path.read_text(encoding="utf-8")
    assert old in text
    assert len(old) == len(new)
    with path.open("r+", encoding="utf-8", newline="") as stream:
        stream.write(text.replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def replaced(path: Path, text: str) -> None:
    before = path.stat()
    other = path.with_name("other.tmp")
    other.write_text(text, encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def given(name: str, value: object) -> Given:
    return Given(name=name, value=value, source="--var")


def by_hand(desk: Desk, sql: str) -> None:
    with closing(sqlite3.connect(desk.state)) as connection, connection:
        connection.execute(sql)


def some_digest(desk: Desk) -> RequestDigest:
    with closing(sqlite3.connect(desk.state)) as connection:
        return RequestDigest(connection.execute("SELECT digest FROM request LIMIT 1").fetchone()[0])


FILES: dict[str, Callable[[Desk], object]] = {
    "input in place": lambda desk: in_place(desk.root / "rows/a.csv", "one", "oxe"),
    "input's second file": lambda desk: in_place(desk.root / "rows/b.csv", "n10", "nXX"),
    "input by rename": lambda desk: replaced(desk.root / "rows/a.csv", table(["oxe", *WORDS[1:]])),
    "input longer": lambda desk: desk.write("rows/a.csv", table([*WORDS, "six"])),
    "input shorter": lambda desk: desk.write("rows/a.csv", table(WORDS[:2])),
    "column that nothing reads": lambda desk: in_place(desk.root / "rows/a.csv", "n3", "nX"),
    "glob gains a file": lambda desk: desk.write("rows/c.csv", table(["six"], first=20)),
    "glob gains an empty table": lambda desk: desk.write("rows/c.csv", "id,word,note\n"),
    "glob loses a file": lambda desk: (desk.root / "rows/b.csv").unlink(),
    "file renamed within the glob": lambda desk: (desk.root / "rows/b.csv").rename(desk.root / "rows/0.csv"),
    "spec in place": lambda desk: in_place(desk.root / "demo.batchspec.yaml", "plain", "blunt"),
    "limit": lambda desk: in_place(desk.root / "demo.batchspec.yaml", "limit: 100", "limit: 003"),
    "where": lambda desk: in_place(desk.root / "demo.batchspec.yaml", "left: nothing", "left: 'three'"),
    "parent": lambda desk: in_place(desk.root / "base.yaml", "20", "21"),
    "file named in the spec": lambda desk: in_place(desk.root / "system.txt", "Be", "Do"),
    "included file": lambda desk: in_place(desk.root / "user.txt", "Say", "Cry"),
    "file included by a row": lambda desk: in_place(desk.root / "by-word/two.txt", ".", "!"),
}

SETTINGS: dict[str, Callable[[Desk], object]] = {
    "variable": lambda desk: setattr(desk.settings, "given", [given("tone", "rude")]),
    "variable of `where`": lambda desk: setattr(desk.settings, "given", [given("left", "two")]),
    "environment": lambda desk: setattr(desk.settings, "environment", "small"),
    "lock": lambda desk: setattr(
        desk.settings, "lock", ModelLock(pins={"mistral-small-latest": Pin("mistral-small-2603")})
    ),
    "defaults": lambda desk: setattr(desk.settings, "defaults", {"replicates": 2}),
    "program": lambda desk: setattr(desk.settings, "program", "2"),
}


def asked(desk: Desk) -> None:
    with desk.ledger() as ledger:
        assert ledger.ask_again([some_digest(desk)], frozenset({RequestStatus.SUCCEEDED})) == 1


def forgotten(desk: Desk) -> None:
    with SqliteForgetting(desk.state) as forgetting:
        assert forgetting.forget_request(some_digest(desk), results=True) == 1


def declared_by_another(desk: Desk) -> None:
    with desk.ledger() as ledger:
        ledger.declare("demo", "elsewhere.batchspec.yaml", desk.load()[0].spec.targets, [])


ONE = "digest = (SELECT max(digest) FROM request)"

LEDGER: dict[str, Callable[[Desk], object]] = {
    "asked again": asked,
    "forgotten": forgotten,
    "declared by another spec of this name": declared_by_another,
    "failed by another hand": lambda desk: by_hand(desk, f"UPDATE request SET status = 4 WHERE {ONE}"),
    "held by another hand": lambda desk: by_hand(desk, f"UPDATE request SET status = 5 WHERE {ONE}"),
    "removed by another hand": lambda desk: by_hand(desk, "DELETE FROM request"),
    "declared otherwise by another hand": lambda desk: by_hand(desk, "DELETE FROM declared"),
}


@pytest.mark.parametrize("change", [*FILES, *SETTINGS, *LEDGER])
def test_whatever_changes_is_looked_at(desk: Desk, change: str) -> None:
    (FILES | SETTINGS | LEDGER)[change](desk)
    # That it plans the same as without any memory is asserted by the plan itself.
    assert desk.plan().rendered > 0


@pytest.mark.parametrize("change", FILES)
def test_what_is_put_back_is_known_again_for_what_it_is(desk: Desk, change: str, tmp_path: Path) -> None:
    kept = tmp_path.with_name(f"{tmp_path.name}-kept")
    shutil.copytree(tmp_path, kept, ignore=shutil.ignore_patterns(".batchspec"))
    FILES[change](desk)
    desk.plan()
    for path in tmp_path.rglob("*"):
        if path.is_file() and ".batchspec" not in path.parts and not (kept / path.relative_to(tmp_path)).exists():
            path.unlink()
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True, copy_function=shutil.copyfile)
    desk.plan()
    assert desk.plan().rendered == 0


@pytest.mark.parametrize(
    "touch",
    [
        lambda desk: os.utime(desk.root / "rows/a.csv"),
        lambda desk: replaced(desk.root / "rows/a.csv", table(WORDS)),
        lambda desk: desk.write("unread.txt", "of no account"),
        lambda desk: os.utime(desk.root / "demo.batchspec.yaml"),
        lambda desk: desk.write("by-word/seven.txt", "of no row"),
    ],
    ids=["date", "same bytes", "another file", "spec's date", "file for no row"],
)
def test_what_has_the_same_content_is_known_again(desk: Desk, touch: Callable[[Desk], object]) -> None:
    touch(desk)
    assert desk.plan().rendered == 0


def test_what_only_looks_recalls_and_remembers_nothing(desk: Desk) -> None:
    assert desk.plan(remember=False).rendered == 0
    asked(desk)
    desk.settle()
    assert desk.plan(remember=False).rendered == 5
    assert desk.plan(remember=False).rendered == 5


def test_what_has_something_to_send_is_rendered_every_time(desk: Desk) -> None:
    desk.write("rows/c.csv", table(["six"], first=20))
    assert [desk.plan().sends for _ in range(3)] == [1, 1, 1]
    assert desk.plan().rendered == 6


def test_what_was_not_declared_as_it_is_now_is_rendered_every_time(desk: Desk) -> None:
    (desk.root / "rows/b.csv").unlink()
    assert [desk.plan().rendered for _ in range(3)] == [4, 4, 4]


def test_what_is_answered_under_other_ids_is_declared_before_it_is_remembered(desk: Desk) -> None:
    desk.write("rows/a.csv", table([WORDS[1], WORDS[0], *WORDS[2:]]))
    assert [(desk.plan().rendered, desk.plan().sends) for _ in range(2)] == [(5, 0), (5, 0)]
    desk.settle()
    assert [desk.plan().rendered for _ in range(2)] == [5, 0]


def test_answers_that_another_process_collects_are_seen(desk: Desk) -> None:
    desk.write("rows/c.csv", table(["six"], first=20))
    desk.settle(answer=None)
    assert desk.plan().document[0]["variants"][0]["in_flight"] == 1
    assert desk.plan().rendered == 0
    with desk.ledger() as ledger:
        [claim] = ledger.claims_in_flight()
        [line] = ledger.claim_lines(claim.id)
        ledger.take_in(claim.id, [(line.digest, Outcome(OutcomeKind.FAILED, 400, None, "refused", None))])
        ledger.mark_collected(claim.id, 9.0)
    seen = desk.plan()
    assert seen.document[0]["variants"][0]["failed"] == 1
    assert seen.rendered == 6


def test_a_warning_is_told_again_by_rendering_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("demo.batchspec.yaml", SINGLE)
    desk.write("rows.csv", "a;b\nx;y\n")
    desk.settle()
    assert [desk.plan().rendered for _ in range(3)] == [1, 1, 1]
