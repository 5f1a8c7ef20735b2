"""What a run has sent and had answered is not rendered a second time, unless anything came other than foreseen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from planning_desk import Counting, Desk, Seen, answer_all
from project_world import NewService, services, table

from batchspec.commands.apply import ApplyOptions, apply
from batchspec.commands.foresight import remember_foreseen
from batchspec.core import shares
from batchspec.core.json_text import encode
from batchspec.core.ledger import RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.planning import Action, Plan
from batchspec.emulator.faults import Faults
from batchspec.state.store import SqliteLedger

WORDS = [f"word {number}" for number in range(10)]
SPEC = 'batchspec: 1\nname: demo\nmodel: m\ninputs: rows.csv\nprompt: "Say {{ row.word }}"\n'
NAMED = SPEC + 'custom_id: "{{ row.id }}"\n'
CHECKED = NAMED + "response: {json_schema: {type: object, required: [mood]}}\n"
SPECS = {
    "ids from bodies": SPEC,
    "named ids": NAMED,
    "models and matrix": NAMED.replace("model: m", "models: [a, b]") + "matrix: {tone: [dry, warm]}\n",
    "replicates": NAMED.replace("{{ row.word }}", "{{ row.word }} {{ replicate }}") + "replicates: 2\n",
    "checked answers": CHECKED,
    "unfit answers kept": CHECKED.replace("response: {", "response: {on_invalid: keep, "),
}


def said(text: str) -> Outcome:
    body = encode({"choices": [{"message": {"role": "assistant", "content": text}}]})
    return Outcome(OutcomeKind.SUCCEEDED, 200, body, None, None)


FITS = said('{"mood": "fine"}')
UNFIT = said("Let me think about that.")
FAILED = Outcome(OutcomeKind.FAILED, 400, None, "no", None)
PASSING = Outcome(OutcomeKind.FAILED_PASSING, 500, None, "later", None)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that a table of ten rows has several of them; the true ones have thousands.
    monkeypatch.setattr(shares, "CHUNK", 4)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write("demo.batchspec.yaml", NAMED)
    desk.write("rows.csv", table(WORDS))
    return desk


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


def agree(_plan: Plan) -> None:
    pass


def answered(*outcomes: Outcome) -> Callable[[SqliteLedger], None]:
    return lambda ledger: answer_all(ledger, *outcomes)


@pytest.mark.parametrize("spec", SPECS)
def test_what_succeeds_is_not_rendered_again_and_remembered_as_if_it_were(desk: Desk, spec: str) -> None:
    desk.write("demo.batchspec.yaml", SPECS[spec])
    answers = [FITS, UNFIT] if "kept" in spec else [FITS]
    assert desk.converge(between=answered(*answers)).rendered == 0
    with desk.ledger() as ledger:
        foreseen = ledger.remembered_plan("demo")
        assert foreseen is not None
    assert desk.plan().rendered == 0
    with desk.ledger() as ledger:
        # A write that says nothing new lets what is remembered go.
        ledger.begin_plan("unknown", 1.0)
        assert ledger.remembered_plan("demo") is None
    assert desk.plan().rendered > 0
    with desk.ledger() as ledger:
        assert ledger.remembered_plan("demo") == foreseen


def test_it_holds_for_rows_that_are_edited_added_left_off_and_repeated(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", SPEC)
    desk.converge(between=answered(FITS))
    desk.write("rows.csv", table(["edited", *WORDS[2:], "more", "more"]))
    assert desk.converge(between=answered(FITS)).rendered == 0
    assert desk.plan().sends == 0


def test_it_holds_for_what_is_sent_a_second_time(desk: Desk) -> None:
    assert desk.converge(between=answered(PASSING, FITS)).sends == 5
    assert desk.converge(between=answered(FITS)).rendered == 0


@pytest.mark.parametrize(
    ("outcome", "sends"), [(FAILED, 0), (PASSING, 1), (UNFIT, 0)], ids=["failed", "passing", "unfit"]
)
def test_one_answer_that_is_no_success_and_all_are_looked_at(desk: Desk, outcome: Outcome, sends: int) -> None:
    desk.write("demo.batchspec.yaml", CHECKED)
    seen = desk.converge(between=answered(outcome, *[FITS] * (len(WORDS) - 1)))
    assert (seen.rendered, seen.sends) == (len(WORDS), sends)


def test_nothing_is_foreseen_while_an_answer_is_out(desk: Desk) -> None:
    seen = desk.converge(between=lambda _: None)
    assert seen.rendered == len(WORDS)


def test_nothing_is_foreseen_of_what_another_run_has_in_flight(desk: Desk) -> None:
    desk.settle(answer=None)
    desk.write("rows.csv", table([*WORDS, "more"]))
    assert desk.converge(between=answered(FITS)).rendered == len(WORDS) + 1


def test_two_specs_that_ask_the_same_are_each_planned_as_ever(desk: Desk) -> None:
    desk.write("other.batchspec.yaml", NAMED.replace("demo", "other"))
    seen = desk.converge("demo.batchspec.yaml", "other.batchspec.yaml", between=answered(FITS))
    # The second one's requests are the first one's.
    assert seen.rendered == len(WORDS)


@pytest.mark.parametrize("what", ["an edited row", "an added row"])
def test_rows_that_change_meanwhile_are_seen(desk: Desk, what: str) -> None:
    words = ["edited", *WORDS[1:]] if what == "an edited row" else [*WORDS, "more"]

    def between(ledger: SqliteLedger) -> None:
        desk.write("rows.csv", table(words))
        answer_all(ledger, FITS)

    seen = desk.converge(between=between)
    assert (seen.rendered, seen.sends) == (len(words), 1)


def in_a_later_run(desk: Desk, *outcomes: Outcome) -> Seen:
    """Send in one run, have the answers taken in by another, and plan in a third."""
    desk.settle(answer=None, foresee=True)
    with desk.ledger() as ledger:
        answer_all(ledger, *outcomes)
    return desk.plan()


def test_it_comes_true_in_a_later_run_too(desk: Desk) -> None:
    assert in_a_later_run(desk, FITS).rendered == 0
    assert desk.plan().rendered == 0


def test_a_run_that_holds_no_lock_sees_it_and_writes_nothing(desk: Desk) -> None:
    desk.write("demo.batchspec.yaml", CHECKED)
    desk.settle(answer=None, foresee=True)
    with desk.ledger() as ledger:
        answer_all(ledger, FITS)
    before = desk.state.read_bytes()
    for _ in range(2):
        assert desk.plan(remember=False).rendered == 0
    assert desk.state.read_bytes() == before


def test_an_edit_after_it_came_true_leaves_the_other_chunks_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    recorded = SqliteLedger.recorded

    def counting(ledger: SqliteLedger, digests: Sequence[RequestDigest]) -> object:
        if ledger._header is not None:
            compared.append(len(digests))
        return recorded(ledger, digests)

    desk.settle(answer=None, foresee=True)
    with desk.ledger() as ledger:
        answer_all(ledger, FITS)
    # The ledger itself answers; what it is asked is not to be seen from outside.
    monkeypatch.setattr(SqliteLedger, "recorded", counting)
    desk.write("rows.csv", table([*WORDS[:9], "edited"]))
    seen = desk.plan()
    assert (seen.rendered, seen.sends) == (10, 1)
    assert compared == [2]


BETWEEN: dict[str, Callable[[Desk, SqliteLedger], object]] = {
    "another file of rows": lambda desk, _: desk.write("rows.csv", table(["edited", *WORDS[1:]])),
    "another spec": lambda desk, _: desk.write("demo.batchspec.yaml", NAMED + "revision: 2\n"),
    "another program": lambda desk, _: setattr(desk.settings, "program", "2"),
    "a write that answers nothing": lambda _, ledger: ledger.begin_plan("unknown", 1.0),
    "rows declared by another spec of this name": lambda _, ledger: ledger.declare("demo", "x", [], []),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_whatever_changes_before_the_answers_has_all_looked_at(desk: Desk, what: str) -> None:
    desk.settle(answer=None, foresee=True)
    with desk.ledger() as ledger:
        BETWEEN[what](desk, ledger)
        answer_all(ledger, FITS)
    assert desk.plan().rendered == len(WORDS)


@pytest.mark.parametrize("when", ["while it is sent", "before the answers", "after the answers"])
def test_a_write_by_another_hand_has_all_looked_at(desk: Desk, when: str) -> None:
    def by_hand() -> None:
        with closing(sqlite3.connect(desk.state)) as connection, connection:
            connection.execute("UPDATE request SET attempts = attempts + 1")

    with desk.ledger() as ledger:
        planned = desk._send(desk.load(), ledger)
        if when == "while it is sent":
            by_hand()
        remember_foreseen(planned, ledger)
    if when == "before the answers":
        by_hand()
    with desk.ledger() as ledger:
        answer_all(ledger, FITS)
    if when == "after the answers":
        by_hand()
    assert desk.plan().rendered == len(WORDS)


def test_a_request_that_is_asked_for_again_is_sent_again(desk: Desk) -> None:
    desk.settle(answer=None, foresee=True)
    with desk.ledger() as ledger:
        answer_all(ledger, FITS)
        found = _digests(desk)[0]
        assert ledger.ask_again([found], frozenset({RequestStatus.SUCCEEDED})) == 1
    assert desk.plan().sends == 1


def _digests(desk: Desk) -> list[RequestDigest]:
    with closing(sqlite3.connect(desk.state)) as connection:
        return [RequestDigest(digest) for (digest,) in connection.execute("SELECT digest FROM request")]


@pytest.mark.parametrize("spoilt", ["", "{}", "[1]", '{"claims": 1, "requests": 1, "memo": "x"}', "no JSON"])
def test_what_cannot_be_read_foresees_nothing(desk: Desk, spoilt: str) -> None:
    with desk.ledger() as ledger:
        desk._send(desk.load(), ledger)
        ledger.remember_plans({"foreseen demo": spoilt}, foreseen=True)
        answer_all(ledger, FITS)
    assert desk.plan().rendered == len(WORDS)


class Rendered(Counting):
    """Counts the rows of each phase that renders."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: dict[str, int] = {}
        self._phase = ""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        self._phase = phase

    def advance(self, count: int = 1) -> None:
        self.phases[self._phase] = self.phases.get(self._phase, 0) + count


@pytest.mark.parametrize(
    ("faults", "times"), [(Faults(), 1), (Faults(fail_jobs=1), 2)], ids=["all well", "a job that fails halfway"]
)
def test_an_apply_that_waits_renders_its_rows_again_only_where_something_failed(
    new_service: NewService, faults: Faults, times: int
) -> None:
    service, progress = new_service(), Rendered()
    machine = service.machine()
    machine.write("demo.batchspec.yaml", NAMED)
    machine.write("rows.csv", table(WORDS))
    service.break_with(faults)
    world = replace(machine.world(), progress=progress)
    # Its loader knows the program, without which no plan is ever known again.
    specs = Desk(machine.root).load()
    told = apply(specs, ApplyOptions(wait=True), world=world, provider=machine.provider, approve=agree)
    assert told.status.plan.total(Action.DONE) == len(WORDS)
    assert [output.counts for output in told.outputs] == [{"succeeded": len(WORDS)}]
    assert progress.phases["rendering"] == times * len(WORDS)
