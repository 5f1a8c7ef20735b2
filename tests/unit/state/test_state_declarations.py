"""What specs declared: only differences are written, and what is declared no more is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from state_samples import body

from batchspec.core.ledger import DeclaredRow
from batchspec.core.model import BodyDigest, Target
from batchspec.state.store import SqliteLedger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "state.db") as opened:
        yield opened


def rows(*names: str) -> list[tuple[str, BodyDigest]]:
    return [(f"id-{name}", body(name)) for name in names]


def declared(ledger: SqliteLedger, *names: str, spec: str = "triage") -> dict[str, BodyDigest]:
    return dict(ledger.declared(spec, [f"id-{name}" for name in names]))


def declare(ledger: SqliteLedger, listed: list[tuple[str, BodyDigest]], *models: str, spec: str = "triage") -> None:
    targets = [Target(model) for model in models or ("m",)]
    ledger.declare(spec, f"{spec}.batchspec.yaml", targets, [DeclaredRow("", *row) for row in listed])


def count(ledger: SqliteLedger, spec: str = "triage") -> int:
    return sum(ledger.declared_counts(spec).values())


def test_what_is_declared_is_exactly_what_was_given_last(ledger: SqliteLedger) -> None:
    declare(ledger, rows("a", "b", "c"))
    assert declared(ledger, "a", "b", "c", "d") == dict(rows("a", "b", "c"))
    declare(ledger, [("id-a", body("a")), ("id-b", body("other")), ("id-d", body("d"))])
    assert declared(ledger, "a", "b", "c", "d") == {"id-a": body("a"), "id-b": body("other"), "id-d": body("d")}
    assert count(ledger) == 3


def test_only_what_differs_is_written(ledger: SqliteLedger, tmp_path: Path) -> None:
    declare(ledger, rows("a", "b", "c", "d"))
    # The rows that are touched are told by the table itself, in another connection's triggers.
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("CREATE TABLE touched (what TEXT, custom_id TEXT)")
        for event, which in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            connection.execute(
                f"CREATE TRIGGER on_{event} AFTER {event} ON declared"
                f" BEGIN INSERT INTO touched VALUES ('{event}', {which}.custom_id); END"
            )
    connection.close()
    declare(ledger, [*rows("a", "b"), ("id-c", body("changed")), ("id-e", body("e"))])
    with sqlite3.connect(tmp_path / "state.db") as connection:
        touched = {row[1] for row in connection.execute("SELECT * FROM touched")}
    connection.close()
    assert touched == {"id-c", "id-d", "id-e"}


def test_specs_do_not_touch_each_other(ledger: SqliteLedger) -> None:
    declare(ledger, rows("a", "b"))
    declare(ledger, rows("b", "c"), spec="other")
    declare(ledger, [], spec="triage")
    assert declared(ledger, "a", "b", "c", spec="other") == dict(rows("b", "c"))
    assert count(ledger) == 0
    assert count(ledger, "other") == 2


def test_models_are_remembered_with_the_spec(ledger: SqliteLedger) -> None:
    assert ledger.declared_targets("triage") == frozenset()
    declare(ledger, rows("a"), "m1", "m2")
    assert ledger.declared_targets("triage") == {Target("m1"), Target("m2")}
    declare(ledger, rows("a"), "m2")
    assert ledger.declared_targets("triage") == {Target("m2")}


def test_a_spec_that_was_never_applied_declares_nothing(ledger: SqliteLedger) -> None:
    assert (declared(ledger, "a"), count(ledger)) == ({}, 0)


def test_many_rows_are_declared_and_found(ledger: SqliteLedger) -> None:
    many = rows(*map(str, range(25_000)))
    declare(ledger, many)
    declare(ledger, many[5:])
    assert count(ledger) == 24_995
    assert ledger.declared("triage", [name for name, _ in many]) == dict(many[5:])


def test_rows_that_cannot_be_read_to_their_end_leave_what_was(ledger: SqliteLedger) -> None:
    declare(ledger, rows("a"))

    def broken() -> Iterator[DeclaredRow]:
        yield DeclaredRow("", "id-b", body("b"))
        raise OSError("the scratch is gone")

    with pytest.raises(OSError, match="the scratch is gone"):
        ledger.declare("triage", "p", [Target("m")], broken())
    assert declared(ledger, "a", "b") == dict(rows("a"))
    with pytest.raises(OSError, match="the scratch is gone"):
        ledger.declare("another", "p", [Target("m")], broken())
    assert (count(ledger, "another"), ledger.declared_targets("another")) == (0, frozenset())
    declare(ledger, rows("b"))
    assert declared(ledger, "a", "b") == dict(rows("b"))


def test_ids_of_any_text_are_kept_apart(ledger: SqliteLedger) -> None:
    odd = [("A", body(1)), ("a", body(2)), ("a ", body(3)), ("é", body(4)), ("e\u0301", body(5)), ("x\x00y", body(6))]
    declare(ledger, odd)
    assert ledger.declared("triage", [name for name, _ in odd]) == dict(odd)


def test_an_output_is_known_by_its_fingerprint(ledger: SqliteLedger) -> None:
    assert ledger.saved_output("results/a.jsonl") is None
    ledger.save_output("results/a.jsonl", "1")
    ledger.save_output("results/a.jsonl", "2")
    assert ledger.saved_output("results/a.jsonl") == "2"


def test_a_row_is_declared_once_in_each_form(ledger: SqliteLedger) -> None:
    listed = [DeclaredRow(form, "id", body(form)) for form in ("", "one", "two")]
    ledger.declare("triage", "p", [Target("m", 2, 1), Target("m")], listed)
    assert ledger.declared_counts("triage") == {"": 1, "one": 1, "two": 1}
    assert ledger.declared("triage", ["id"], "two") == {"id": body("two")}
    assert ledger.declared_targets("triage") == {Target("m", 2, 1), Target("m")}
    ledger.declare("triage", "p", [Target("m")], [DeclaredRow("two", "id", body("new"))])
    assert (ledger.declared_counts("triage"), ledger.declared("triage", ["id"])) == ({"two": 1}, {})
    assert ledger.declared("triage", ["id"], "two") == {"id": body("new")}
