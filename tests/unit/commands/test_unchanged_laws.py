"""Whatever is edited, sent, answered and put back, in whatever order: a plan is the same with a memory and without."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_desk import Desk, answer_all
from project_world import chat_spec, table

from batchspec.core.errors import InvalidInputError
from batchspec.core.ledger import RequestStatus
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.store import SqliteLedger

SPECS = ("demo.batchspec.yaml", "other.batchspec.yaml")
_WORDS = st.lists(st.sampled_from(["one", "two", "three", "four"]), min_size=1, max_size=4)
_PATHS = st.sampled_from([SPECS, SPECS[:1], SPECS[1:], SPECS[::-1]])

Step = Callable[[Desk], object]


def _edit_rows(words: list[str]) -> Step:
    return lambda desk: desk.write("rows.csv", table(words))


def _edit_spec(name: str, prompt: str, max_tokens: int) -> Step:
    text = chat_spec(name, more=f"body: {{max_tokens: {max_tokens}}}\n").replace("Say", prompt)
    return lambda desk: desk.write(f"{name}.batchspec.yaml", text)


def _include(text: str) -> Step:
    return lambda desk: desk.write("text.txt", text)


def _take_in(kind: OutcomeKind) -> Step:
    def step(desk: Desk) -> None:
        with desk.ledger() as ledger:
            for claim in ledger.claims_in_flight()[:1]:
                outcome = Outcome(kind, 200 if kind is OutcomeKind.SUCCEEDED else 500, b"{}", None, None)
                ledger.take_in(claim.id, [(line.digest, outcome) for line in ledger.claim_lines(claim.id)])
                ledger.mark_collected(claim.id, 9.0)

    return step


def _set_by_hand(status: RequestStatus) -> Step:
    def step(desk: Desk) -> None:
        with closing(sqlite3.connect(desk.state)) as connection, connection:
            answered = f"status NOT IN ({RequestStatus.CLAIMED:d}, {status:d})"
            one = f"SELECT digest FROM request WHERE {answered} ORDER BY digest LIMIT 1"
            connection.execute(f"UPDATE request SET status = {status:d} WHERE digest = ({one})")

    return step


def _converge(paths: tuple[str, ...], kinds: Sequence[OutcomeKind], between: Step) -> Step:
    """Send, do something else, have the answers, which are of these kinds by turns, and plan again, all in one run."""
    outcomes = [Outcome(kind, 200, b"{}" if kind is OutcomeKind.SUCCEEDED else None, None, None) for kind in kinds]

    def step(desk: Desk) -> None:
        def happens(ledger: SqliteLedger) -> None:
            between(desk)
            answer_all(ledger, *outcomes)

        desk.converge(*paths, between=happens)

    return step


def _put_aside(desk: Desk) -> None:
    (desk.root / "aside.db").write_bytes(desk.state.read_bytes())


def _nothing(_desk: Desk) -> None:
    pass


def _put_back(desk: Desk) -> None:
    aside = desk.root / "aside.db"
    if aside.exists():
        desk.state.write_bytes(aside.read_bytes())


def _program(version: str) -> Step:
    return lambda desk: setattr(desk.settings, "program", version)


_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(_edit_rows, _WORDS),
    st.builds(_edit_spec, st.sampled_from(["demo", "other"]), st.sampled_from(["Say", "Shout"]), st.integers(1, 2)),
    st.builds(_include, st.sampled_from([".", "!"])),
    st.builds(_take_in, st.sampled_from([OutcomeKind.SUCCEEDED, OutcomeKind.FAILED, OutcomeKind.FAILED_PASSING])),
    st.builds(_set_by_hand, st.sampled_from([RequestStatus.SUCCEEDED, RequestStatus.ASKED, RequestStatus.HELD])),
    st.builds(_program, st.sampled_from(["1", "2"])),
    st.sampled_from([_put_aside, _put_back]),
    st.builds(lambda paths, foresee: lambda desk: desk.settle(*paths, foresee=foresee), _PATHS, st.booleans()),
    st.builds(
        lambda paths, foresee: lambda desk: desk.settle(*paths, answer=None, foresee=foresee), _PATHS, st.booleans()
    ),
    st.builds(
        _converge,
        _PATHS,
        st.sampled_from([[OutcomeKind.SUCCEEDED], [OutcomeKind.FAILED_PASSING], [*OutcomeKind]]),
        # Specs and templates are as they were when the run began: only rows are read anew.
        st.one_of(st.builds(_edit_rows, _WORDS), st.just(_nothing)),
    ),
)


_RUNS = st.lists(st.tuples(_STEPS, _PATHS, st.booleans()), min_size=1, max_size=12)
_Run = list[tuple[Step, tuple[str, ...], bool]]


@settings(max_examples=8)
@given(_RUNS)
def test_a_plan_is_the_same_with_a_memory_and_without(steps: _Run) -> None:
    run(steps)


@pytest.mark.slow
@settings(max_examples=300)
@given(_RUNS)
def test_a_plan_is_the_same_with_a_memory_and_without_over_many_runs(steps: _Run) -> None:
    run(steps)


def run(steps: _Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.write("text.txt", ".")
        _edit_rows(["one", "two"])(desk)
        for name in ("demo", "other"):
            _edit_spec(name, "Say {% include 'text.txt' %}", 1)(desk)
        desk.settle(*SPECS)
        desk.plan(*SPECS)
        for step, paths, remember in steps:
            step(desk)
            # Equal custom_ids, say, are refused by both; what is planned is compared where it is made.
            with suppress(InvalidInputError):
                desk.plan(*paths, remember=remember)
                desk.plan(*paths, remember=remember)
