"""Every command as its user runs it: what it prints, what it leaves behind, and its exit code."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driving import Project, chat_spec, make_project, table

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

EMULATED = ("--provider", "emulator")


def test_init_then_apply_gives_results_without_a_key(tmp_path: Path) -> None:
    project = Project(tmp_path)
    begun = project.run("init", "shop")
    assert begun.code == 0
    assert "batchspec apply --provider emulator --wait" in begun.out
    shop = Project(tmp_path / "shop")
    assert shop.run("apply", *EMULATED, "--yes", "--wait").code == 0
    assert [row["custom_id"] for row in shop.rows("results/reviews.jsonl")] == ["r1", "r2", "r3"]
    assert {".batchspec/", "results/"} <= set((shop.root / ".gitignore").read_text().splitlines())


def test_whoever_forgets_the_emulator_is_told_that_its_results_are_apart(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert "emulator" not in project.run("status").err
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    assert "needs `--provider emulator`" in project.run("status").err
    assert project.run("status", *EMULATED).err == ""


def test_init_never_overwrites(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("reviews.batchspec.yaml", "mine\n")
    project.write(".gitignore", "*.pyc")
    assert project.run("init").code == 0
    assert (tmp_path / "reviews.batchspec.yaml").read_text() == "mine\n"
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.batchspec/\nresults/\n"
    again = project.run("init")
    assert again.out.count("left as it is") == 6


def test_a_second_apply_sends_nothing_and_one_edit_sends_one_request(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=5)
    first = project.run("apply", *EMULATED, "--yes", "--wait", "--json")
    assert first.document["sent"] == {"jobs": 1, "requests": 5}
    assert first.document["status"]["converged"] is True
    assert project.run("apply", *EMULATED, "--yes", "--wait", "--json").document["sent"]["requests"] == 0
    project.write("rows.csv", table(5).replace("word 3", "another word"))
    plan = project.run("plan", *EMULATED, "--json", "--detailed-exitcode")
    assert plan.code == 2
    variant = plan.document["specs"][0]["variants"][0]
    assert (variant["submit"], variant["done"], variant["removed"]) == (1, 4, 0)
    assert variant["reasons"] == [{"reason": "body changed", "count": 1}]
    assert project.run("apply", *EMULATED, "--yes", "--wait", "--json").document["sent"]["requests"] == 1
    assert project.rows("results/demo.jsonl")[3]["row"] == {"id": "r3", "word": "another word"}


def test_what_no_template_reads_costs_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=4)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    rows = ["id,word,note", *(f"new-{number},word {number},unread" for number in (2, 0, 3, 1))]
    project.write("rows.csv", "\n".join(rows) + "\n")
    project.write("demo.batchspec.yaml", chat_spec(extra="description: d\nmetadata: {a: b}\ntimeout_hours: 5\n"))
    applied = project.run("apply", *EMULATED, "--yes", "--json").document
    assert applied["sent"]["requests"] == 0
    assert [row["custom_id"] for row in project.rows("results/demo.jsonl")] == ["new-2", "new-0", "new-3", "new-1"]
    assert project.rows("results/demo.jsonl")[0]["text"] == "[emulated mistral-small-latest] Say word 2"


def test_the_same_body_is_sent_once_and_every_row_gets_the_answer(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("rows.csv", "id,word\na,same\nb,same\nc,other\n")
    applied = project.run("apply", *EMULATED, "--yes", "--wait", "--json").document
    assert applied["sent"]["requests"] == 2
    assert applied["specs"][0]["variants"][0]["duplicates"] == 1
    first, second, _ = project.rows("results/demo.jsonl")
    assert first["response"] == second["response"]


def test_two_specs_with_the_same_request_pay_for_it_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=3)
    project.write("other.batchspec.yaml", chat_spec("other"))
    applied = project.run("apply", *EMULATED, "--yes", "--wait", "--json").document
    assert applied["sent"] == {"jobs": 1, "requests": 3}
    assert [row["status"] for row in project.rows("results/other.jsonl")] == ["succeeded"] * 3


def test_a_row_that_is_removed_is_told_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=4)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    project.write("rows.csv", table(3))
    assert project.run("plan", *EMULATED, "--json").document["summary"]["removed"] == 1
    assert project.run("apply", *EMULATED).code == 0
    assert project.run("plan", *EMULATED, "--json").document["summary"]["removed"] == 0
    assert len(project.rows("results/demo.jsonl")) == 3


def test_plan_json_holds_what_is_promised(tmp_path: Path) -> None:
    document = make_project(tmp_path).run("plan", *EMULATED, "--json").document
    assert document["format_version"] == "1.0"
    counts = {"submit", "retry", "adopt", "in_flight", "done", "failed", "held", "unresolved", "removed"}
    variant = document["specs"][0]["variants"][0]
    assert counts | {"model", "matrix", "rows", "requests", "duplicates", "reasons"} <= set(variant)
    assert counts | {"jobs", "bytes"} <= set(document["summary"])
    assert {"name", "path", "endpoint", "variants"} <= set(document["specs"][0])


def test_status_and_wait_tell_the_jobs(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert project.run("apply", *EMULATED, "--yes").code == 0
    assert project.run("wait", *EMULATED).code == 0
    document = project.run("status", *EMULATED, "--json").document
    assert document["converged"] is True
    job = document["jobs"][0]
    assert (job["status"], job["total_requests"], job["succeeded_requests"]) == ("SUCCESS", 3, 3)
    assert {"id", "spec", "model", "failed_requests", "created_at", "completed_at"} <= set(job)
    assert "Converged" in project.run("status", *EMULATED).out


def test_output_rows_hold_what_is_promised(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=1)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    (row,) = project.rows("results/demo.jsonl")
    assert list(row) == ["custom_id", "model", "status", "row", "text", "response", "usage", "error"]
    assert row["row"] == {"id": "r0", "word": "word 0"}
    assert row["usage"]["total_tokens"] > 0
    assert (project.root / "results/demo.jsonl").stat().st_mode & 0o777 == 0o600
    assert (project.root / ".batchspec/emulator/state.db").stat().st_mode & 0o777 == 0o600


def test_an_output_that_was_deleted_or_edited_is_written_again(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    path = project.root / "results/demo.jsonl"
    good = path.read_bytes()
    path.write_text("edited\n")
    assert project.run("apply", *EMULATED).code == 0
    assert path.read_bytes() == good
    path.unlink()
    assert project.run("results", *EMULATED).code == 0
    assert path.read_bytes() == good


def test_results_to_stdout_are_nothing_but_rows(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    told = project.run("results", "--out", "-")
    assert [json.loads(line)["status"] for line in told.out.splitlines()] == ["pending"] * 3
    assert not (project.root / ".batchspec/state.db").exists()


def test_render_writes_the_lines_that_are_sent(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    one = project.run("render", "--out", "-", "--limit", "1")
    assert (
        one.out == '{"custom_id":"r0","body":{"max_tokens":20,"messages":[{"content":"Say word 0","role":"user"}]}}\n'
    )
    assert project.run("render", "--out", "-", "--id", "r2").out.count("\n") == 1
    assert project.run("render", "--out", "lines").code == 0
    assert (project.root / "lines/demo.jsonl").read_text().count("\n") == 3
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    assert project.run("render", *EMULATED, "--out", "-", "--changed").out == ""


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    told = Project(tmp_path).run("schema").document
    assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "batchspec" in told["properties"]


def test_the_emulators_answers_never_count_for_the_provider(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    assert project.run("plan", "--json").document["summary"]["submit"] == 3
    state = ".batchspec/emulator/state.db"
    project.environ |= {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": "http://127.0.0.1:9"}
    mixed = project.run("apply", "--state", state, "--yes")
    assert mixed.code == 4
    assert "belongs to the provider `emulator`" in mixed.err


def test_sending_wants_a_yes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    refused = project.run("apply", *EMULATED)
    assert refused.code == 8
    assert "batchspec apply --provider emulator --yes" in refused.err
    assert project.run("apply", *EMULATED, "--json").document["error"]["exit_code"] == 8


@contextmanager
def asked_at_a_terminal(project: Project) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An `apply` on a terminal, once it has put its question; what it writes then is read and thrown away."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "batchspec", "apply", *EMULATED, "--wait"],
        cwd=project.root,
        env=project.environment() | {"TERM": "xterm"},
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = b""
    while b"Send 3 requests?" not in shown:
        shown += os.read(terminal, 4096)
    yield process, terminal
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass  # how Linux tells that the other end of a terminal was closed
    finally:
        os.close(terminal)


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 8), (b"y\n", 0)])
def test_a_person_at_a_terminal_is_asked(tmp_path: Path, answer: bytes, code: int) -> None:
    with asked_at_a_terminal(make_project(tmp_path)) as (process, terminal):
        os.write(terminal, answer)
    assert process.wait(timeout=60) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_question_at_once(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with asked_at_a_terminal(make_project(tmp_path)) as (process, _):
        process.send_signal(number)
    assert process.wait(timeout=60) == code


def test_limits_stop_an_apply_even_with_yes(tmp_path: Path) -> None:
    project = make_project(tmp_path, extra="limits: {max_requests: 2}\n")
    stopped = project.run("apply", *EMULATED, "--yes")
    assert stopped.code == 9
    assert "max_requests" in stopped.err
    project.write("demo.batchspec.yaml", chat_spec())
    assert project.run("apply", *EMULATED, "--yes", "--max-requests", "1").code == 9


def test_an_input_that_has_come_out_empty_stops_an_apply(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    project.write("rows.csv", "id,word\n")
    stopped = project.run("apply", *EMULATED, "--yes")
    assert stopped.code == 9
    assert "no rows" in stopped.err
    assert len(project.rows("results/demo.jsonl")) == 3


def test_two_appliers_do_not_share_a_state(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=3)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / ".batchspec/emulator/state.db")],
        env=project.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        refused = project.run("apply", *EMULATED, "--yes")
        assert refused.code == 7
        assert "batchspec apply" in refused.err
        assert f"process {holder.pid}" in refused.err
        reading = project.run("status", *EMULATED)
        assert reading.code == 0
        assert "in use" in reading.err
        holder.kill()
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0


_HOLD = """
import sys
from pathlib import Path
from batchspec.state.lock import state_lock
with state_lock(Path(sys.argv[1]), "apply"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_wait_with_its_own_code(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = make_project(tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
        process = project.start("apply", "--yes", "--wait")
        deadline = time.monotonic() + 60
        while '"in_flight": 3' not in project.run("plan", "--json", "--no-refresh").out:
            assert time.monotonic() < deadline
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert "run the same command again" in err


def test_a_wait_that_runs_out_ends_with_10(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = make_project(tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
        assert project.run("apply", "--yes").code == 0
        assert project.run("wait", "--timeout", "0.5s").code == 10
        assert project.run("apply", "--yes", "--wait", "0.5s").code == 10


def test_the_served_emulator_keeps_its_jobs_and_ends_when_told(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with project.start("emulator", "--port", "0", "--data", "served", "--key", "secret") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split(",")[0]
        project.environ |= {"MISTRAL_BASE_URL": url, "MISTRAL_API_KEY": "wrong"}
        refused = project.run("apply", "--yes", "--wait")
        assert refused.code == 4
        assert "wrong" not in refused.err.replace("is wrong", "")
        project.environ["MISTRAL_API_KEY"] = "secret"
        assert project.run("apply", "--yes", "--wait").code == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_plan_as_markdown_is_the_whole_of_stdout(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    told = project.run("plan", "--markdown", "--no-refresh")
    assert told.code == 0, told.err
    assert told.out.startswith("### batchspec plan: ")
    assert project.run("plan", "--markdown", "--json").code == 3


def test_a_status_as_markdown_is_the_whole_of_stdout(tmp_path: Path) -> None:
    project = make_project(tmp_path, BATCHSPEC_PROVIDER="emulator")
    assert project.run("apply", "--yes", "--wait").code == 0
    told = project.run("status", "--markdown")
    assert told.code == 0, told.err
    assert told.out.startswith("### batchspec status: converged\n")
    assert "| `demo` | `mistral-small-latest` | 3 done |" in told.out
    for other in ("--json", "--watch"):
        assert project.run("status", "--markdown", other).code == 3


def test_findings_come_as_annotations_as_code_quality_and_as_sarif(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("demo.batchspec.yaml", chat_spec().replace("model:", "modle:"))
    told = project.run("validate", "--format", "github")
    assert told.code == 3
    assert told.out.startswith(
        "::error file=demo.batchspec.yaml,line=3,col=1,endLine=3,endColumn=5,title=unknown-key::"
    )
    told = project.run("validate", "--format", "gitlab")
    assert told.code == 3
    (issue,) = told.document
    assert (issue["check_name"], issue["location"]) == (
        "unknown-key",
        {"path": "demo.batchspec.yaml", "lines": {"begin": 3}},
    )
    told = project.run("validate", "--format", "sarif")
    assert told.code == 3
    assert told.document["runs"][0]["results"][0]["ruleId"] == "unknown-key"
    project.write("demo.batchspec.yaml", chat_spec())
    assert project.run("validate", "--format", "github").out == ""
    assert project.run("validate", "--format", "gitlab").document == []
    assert project.run("validate", "--format", "sarif").document["runs"][0]["results"] == []


def test_failed_rows_alone_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = make_project(tmp_path / "project", rows=12, MISTRAL_BASE_URL=server.url, MISTRAL_API_KEY="any")
        server.set_faults(Faults(line_error_rate=0.5, line_error_status=422))
        assert project.run("apply", "--yes", "--wait").code == 6
    rows = project.rows("results/demo.jsonl")
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < len(rows)
    told = project.run("results", "--failed", "--out", "-")
    assert told.code == 0
    assert [json.loads(line) for line in told.out.splitlines()] == failed
    assert project.rows("results/demo.jsonl") == rows


def test_a_projects_root_is_given_where_the_specs_do_not_tell_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop")
    (project.root / "batchspec.toml").unlink()
    project.write("specs/demo.batchspec.yaml", chat_spec(inputs="../rows.csv"))
    (project.root / "demo.batchspec.yaml").unlink()
    elsewhere = Project(tmp_path / "desk")
    elsewhere.root.mkdir()
    spec = "../shop/specs/demo.batchspec.yaml"
    refused = elsewhere.run("plan", spec, "--no-refresh")
    assert (refused.code, "../rows.csv" in refused.err) == (3, True)
    assert elsewhere.run("apply", spec, "--project", "../shop", "--yes", "--wait", *EMULATED).code == 0
    assert len(project.rows("specs/results/demo.jsonl")) == 3
    assert (project.root / ".batchspec").is_dir()
    assert list(elsewhere.root.iterdir()) == []
