"""Declared rows joined to their answers, in input order; and the lines that would be sent."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from project_world import MODEL, Machine, NewService, Service, chat_spec, services, silent, table

from batchspec.commands.apply import ApplyOptions, apply
from batchspec.commands.desired import RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.plan import make_plan
from batchspec.commands.refresh import refresh
from batchspec.commands.render import RenderOptions, render_spec
from batchspec.commands.results import export, is_current, write_results
from batchspec.core.canonical import body_digest, canonical
from batchspec.core.errors import InvalidInputError
from batchspec.core.lines import read_request_line
from batchspec.core.planning import Plan
from batchspec.emulator.faults import Faults
from batchspec.state.scratch import SqliteScratch

WORDS = ["one", "two", "three", "two", "fünf\u2028"]


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


@pytest.fixture
def service(new_service: NewService) -> Service:
    return new_service()


@pytest.fixture
def machine(service: Service) -> Machine:
    machine = service.machine()
    machine.write("demo.batchspec.yaml", chat_spec())
    machine.write("rows.csv", table(WORDS))
    return machine


def agree(plan: Plan) -> None:
    pass


def applied(machine: Machine, *, wait: bool = True) -> None:
    apply(machine.load(), ApplyOptions(wait=wait), world=machine.world(), provider=machine.provider, approve=agree)


def results(machine: Machine, *, failed_only: bool = False) -> tuple[list[dict[str, Any]], dict[str, int]]:
    stream = io.BytesIO()
    [loaded] = machine.load()
    output = write_results(loaded, stream, machine.world(), path="x", failed_only=failed_only)
    lines = stream.getvalue().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines], dict(output.counts)


# Results


def test_every_row_has_its_line_in_the_order_of_the_input(machine: Machine) -> None:
    applied(machine)
    rows, counts = results(machine)
    assert [row["custom_id"] for row in rows] == ["r0", "r1", "r2", "r3", "r4"]
    assert [row["row"] for row in rows] == [
        {"id": f"r{number}", "word": word, "note": f"n{number}"} for number, word in enumerate(WORDS)
    ]
    assert counts == {"succeeded": 5}
    for row in rows:
        assert list(row) == ["custom_id", "model", "status", "row", "text", "response", "usage", "error"]
        assert (row["model"], row["status"], row["error"]) == (MODEL, "succeeded", None)
        assert row["text"] == row["response"]["choices"][0]["message"]["content"]
        assert row["usage"] == row["response"]["usage"]
    assert rows[1]["response"] == rows[3]["response"]
    assert rows[0]["response"] != rows[1]["response"]


def test_before_anything_was_sent_every_row_is_pending(machine: Machine) -> None:
    rows, counts = results(machine)
    assert counts == {"pending": 5}
    assert all(row["text"] is row["response"] is row["usage"] is row["error"] is None for row in rows)


def test_rows_in_flight_are_pending(new_service: NewService) -> None:
    machine = new_service(queue_seconds=3600).machine()
    machine.write("demo.batchspec.yaml", chat_spec())
    machine.write("rows.csv", table(WORDS))
    applied(machine, wait=False)
    assert results(machine)[1] == {"pending": 5}


def test_models_stand_side_by_side_in_the_order_of_the_spec(machine: Machine) -> None:
    machine.write("demo.batchspec.yaml", chat_spec(models=["b-model", "a-model"]))
    applied(machine)
    rows, counts = results(machine)
    assert [(row["custom_id"], row["model"]) for row in rows[:4]] == [
        ("r0", "b-model"),
        ("r0", "a-model"),
        ("r1", "b-model"),
        ("r1", "a-model"),
    ]
    assert counts == {"succeeded": 10}


def test_failures_say_why_and_can_be_had_alone(machine: Machine, service: Service) -> None:
    service.break_with(Faults(line_error_rate=0.5, line_error_status=422))
    applied(machine)
    rows, counts = results(machine)
    failed = [row for row in rows if row["status"] == "failed"]
    assert counts == {"failed": len(failed), "succeeded": 5 - len(failed)}
    assert 0 < len(failed) < 5
    for row in failed:
        assert row["error"]["status_code"] == 422
        assert row["error"]["message"]
        assert row["text"] is row["response"] is None
    assert results(machine, failed_only=True)[0] == failed


def test_held_rows_are_told_as_held(new_service: NewService) -> None:
    machine = new_service(queue_seconds=3600).machine()
    machine.write("demo.batchspec.yaml", chat_spec())
    machine.write("rows.csv", table(WORDS))
    applied(machine, wait=False)
    [job] = machine.provider.list_jobs()
    machine.provider.cancel_job(job.id)
    refresh(machine.world(), machine.provider)
    rows, counts = results(machine)
    assert counts == {"held": 5}
    assert rows[0]["error"] == {"status_code": None, "message": "cancelled before it ran"}


def test_an_answers_own_bytes_are_kept(machine: Machine) -> None:
    applied(machine)
    body = '{"choices":[{"message":{"content":"a\u2028b"}}],"n":123456789012345678901234567890,"z":1,"a":1.50}'
    machine.ledger._database.execute("UPDATE result SET body = ?", [body])
    stream = io.BytesIO()
    write_results(machine.load()[0], stream, machine.world(), path="x")
    assert stream.getvalue().count(f'"response":{body},'.encode()) == 5
    assert results(machine)[0][0]["text"] == "a\u2028b"


def test_a_row_that_cannot_be_rendered_stops_the_results(machine: Machine) -> None:
    applied(machine)
    machine.write("demo.batchspec.yaml", chat_spec().replace("row.word", "row.wrod"))
    with pytest.raises(InvalidInputError):
        results(machine)


def rows_of(loaded: LoadedSpec) -> str:
    rows = RowsDigest()
    for chunk in rendered_chunks(loaded, None, Findings(), silent(), lambda: None):
        rows.add(chunk.told())
    return rows.told()


def test_an_output_is_written_whole_or_stays_as_it_was(machine: Machine) -> None:
    applied(machine)
    loaded = machine.load()
    path = machine.root / "results" / "demo.jsonl"
    before = path.read_bytes()
    assert before.count(b"\n") == 5
    assert is_current(loaded[0], rows_of(loaded[0]), machine.world())
    machine.write("demo.batchspec.yaml", chat_spec().replace("row.word", "row.wrod"))
    with pytest.raises(InvalidInputError):
        export(machine.load(), machine.world())
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == {"demo.jsonl", "demo.manifest.json"}


def test_an_output_that_was_changed_by_hand_is_no_longer_current(machine: Machine) -> None:
    applied(machine)
    [loaded] = machine.load()
    path = machine.root / "results" / "demo.jsonl"
    path.write_bytes(b"")
    assert not is_current(loaded, rows_of(loaded), machine.world())
    applied(machine)
    assert is_current(loaded, rows_of(loaded), machine.world())
    path.unlink()
    assert not is_current(loaded, rows_of(loaded), machine.world())


# Render


def rendered(machine: Machine, **options: Any) -> list[bytes]:
    stream = io.BytesIO()
    ledger = machine.ledger if options.get("changed") else None
    with SqliteScratch() as scratch:
        count = render_spec(
            machine.load()[0],
            stream,
            RenderOptions(**options),
            ledger=ledger,
            scratch=scratch,
            progress=silent(),
            stop=lambda: None,
        )
    lines = stream.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == count
    return lines


def test_rendered_lines_are_the_very_bytes_that_are_sent(machine: Machine) -> None:
    with SqliteScratch() as scratch:
        plan, _ = make_plan(
            machine.load(),
            ledger=machine.ledger,
            scratch=scratch,
            progress=silent(),
            stop=lambda: None,
            begin=machine.spool.begin,
        )
    [shard] = plan.shards
    [part] = shard.parts
    assert b"\n".join(rendered(machine)) + b"\n" == machine.spool.path(part.sha256).read_bytes()
    applied(machine)
    [job] = machine.provider.list_jobs()
    target = machine.root / "sent.jsonl"
    machine.provider.download(job.input_files[0], target, silent())
    assert target.read_bytes() == b"\n".join(rendered(machine)) + b"\n"


def test_each_distinct_request_is_rendered_once_in_canonical_form(machine: Machine) -> None:
    lines = rendered(machine)
    assert [json.loads(line)["custom_id"] for line in lines] == ["r0", "r1", "r2", "r4"]
    for line in lines:
        body = json.loads(line)["body"]
        assert read_request_line(line).body == body_digest(canonical(body))
        assert line.endswith(canonical(body) + b"}")


def test_a_limit_stops_early_and_zero_writes_nothing(machine: Machine) -> None:
    assert len(rendered(machine, limit=2)) == 2
    assert rendered(machine, limit=0) == []
    assert len(rendered(machine, limit=99)) == 4


def test_one_request_is_shown_by_its_id_also_where_another_row_has_the_same_body(machine: Machine) -> None:
    assert [json.loads(line)["custom_id"] for line in rendered(machine, custom_id="r3")] == ["r3"]
    assert rendered(machine, custom_id="absent") == []
    machine.write("demo.batchspec.yaml", chat_spec(custom_id=False))
    default = json.loads(rendered(machine)[1])["custom_id"]
    assert [json.loads(line)["custom_id"] for line in rendered(machine, custom_id=default)] == [default]


def test_what_has_changed_is_what_an_apply_would_send(machine: Machine) -> None:
    assert len(rendered(machine, changed=True)) == 4
    applied(machine)
    assert rendered(machine, changed=True) == []
    machine.write("rows.csv", table(["one", "changed", "three", "new"]))
    assert [json.loads(line)["custom_id"] for line in rendered(machine, changed=True)] == ["r1", "r3"]
    machine.write("demo.batchspec.yaml", chat_spec(models=[MODEL, "another"]))
    assert len(rendered(machine, changed=True)) == 4


def test_rows_that_cannot_be_rendered_are_told_after_all_were_read(machine: Machine) -> None:
    machine.write("rows.csv", "id,word,other\nr0,a,1\nr1,b,2\n")
    machine.write("demo.batchspec.yaml", chat_spec().replace("row.word", "row.word.nope"))
    with pytest.raises(InvalidInputError, match="2 errors were found"):
        rendered(machine)
