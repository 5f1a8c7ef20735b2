"""`show`: the story of a spec's results, and of one row, before and after they are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import Project, chat_spec, make_project, table

from batchspec.core.canonical import RequestIdentity, body_digest, canonical
from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

OLD, ALIAS = "mistral-small-2506", "mistral-small-latest"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return make_project(tmp_path / "project", MISTRAL_API_KEY="k", MISTRAL_BASE_URL=server.url)


def sha256(project: Project, path: str) -> str:
    return hashlib.sha256((project.root / path).read_bytes()).hexdigest()


def test_a_spec_tells_its_story_without_a_key_from_source_to_output(project: Project) -> None:
    assert project.run("lock").code == 0
    before = project.run("show", "demo", "--json").document
    assert (before["rows"], before["claims"]) == ({"total": 3, "statuses": {"pending": 3}}, [])
    assert (before["output"]["state"], before["manifest"]["written"]) == ("missing", None)
    assert project.run("apply", "--yes", "--wait").code == 0
    del project.environ["MISTRAL_API_KEY"]
    told = project.run("show", "demo.batchspec.yaml", "--json").document
    assert told == project.run("show", "demo", "--json").document
    assert told["spec"]["files"] == [{"path": "demo.batchspec.yaml", "sha256": sha256(project, "demo.batchspec.yaml")}]
    assert told["inputs"]["files"] == [{"path": "rows.csv", "sha256": sha256(project, "rows.csv")}]
    (model,) = told["models"]
    assert (model["asked"], model["pinned"], model["answered"], model["answers"]) == (ALIAS, OLD, [OLD], 3)
    assert model["cost_usd"] > 0
    assert model["tokens"]["input"] > 0
    assert told["rows"] == {"total": 3, "statuses": {"succeeded": 3}}
    (claim,) = told["claims"]
    assert ([claim["job_id"]], claim["job"]["status"]) == (told["jobs"], "SUCCESS")
    assert claim["job"]["completed_at"] >= claim["job"]["created_at"]
    sum_ = sha256(project, "results/demo.jsonl")
    assert told["output"] == {"path": "results/demo.jsonl", "state": "current", "sha256": sum_}
    assert told["manifest"]["written"]["output_sha256"] == sum_
    text = project.run("show", "demo").out
    assert f"{OLD}, asked for as {ALIAS}, answered as {OLD}: 3 answers" in text
    assert "results/demo.jsonl  is what would be written now" in text
    assert claim["job_id"] in text


def test_an_output_that_is_not_what_would_be_written_is_told(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    bytes_then = (project.root / "results/demo.jsonl").read_bytes()
    project.write("rows.csv", table(4))
    told = project.run("show", "demo", "--json").document
    assert told["output"]["state"] == "differs"
    assert told["rows"]["statuses"] == {"pending": 1, "succeeded": 3}
    assert (project.root / "results/demo.jsonl").read_bytes() == bytes_then
    project.write("results/demo.manifest.json", "[]")
    assert project.run("show", "demo", "--json").document["manifest"]["written"] is None


def test_a_row_tells_what_its_request_is_made_of_and_what_became_of_it(project: Project) -> None:
    assert project.run("lock").code == 0
    (unsent,) = project.run("show", "demo", "--id", "r1", "--json").document["requests"]
    assert (unsent["path"], unsent["line"], unsent["row"]) == ("rows.csv", 3, {"id": "r1", "word": "word 1"})
    assert unsent["recorded"] is None
    assert "not sent" in project.run("show", "demo", "--id", "r1").out
    assert project.run("apply", "--yes", "--wait").code == 0
    (told,) = project.run("show", "demo", "--id", "r1", "--json").document["requests"]
    made_of = told["digest_of"]
    body = body_digest(canonical(told["body"]))
    assert (body.hex(), made_of["model"], told["asked"]) == (made_of["body_sha256"], OLD, ALIAS)
    identity = RequestIdentity(
        made_of["endpoint"], made_of["model"], revision=made_of["revision"], replicate=made_of["replicate"]
    )
    assert identity.digest(body).hex() == told["digest"] == unsent["digest"]
    assert told["text"] == f"[emulated {OLD}] Say word 1"
    assert told["recorded"]["answer"]["body"]["model"] == OLD
    text = project.run("show", "demo", "--id", "r1").out
    for part in ("rows.csv:3", told["digest"], made_of["body_sha256"], told["recorded"]["claims"][0]["job_id"]):
        assert part in text
    assert f"text       [emulated {OLD}] Say word 1" in text


def test_a_row_of_a_matrix_and_replicates_tells_each_of_its_requests(project: Project) -> None:
    spec = chat_spec(extra="matrix: {tone: [dry, warm]}\nreplicates: 2\n").replace("Say", "Say {{ matrix.tone }}")
    project.write("demo.batchspec.yaml", spec)
    assert project.run("apply", "--yes", "--wait").code == 0
    told = project.run("show", "demo", "--id", "r0", "--json").document["requests"]
    assert [(each["matrix"]["tone"], each["digest_of"]["replicate"]) for each in told] == [
        ("dry", 0), ("dry", 1), ("warm", 0), ("warm", 1),
    ]  # fmt: skip
    assert len({each["digest"] for each in told}) == 4
    assert project.run("show", "demo", "--id", "r0").out.count("rows.csv:2") == 2


def test_a_failed_row_tells_its_error(tmp_path: Path) -> None:
    faults = Faults(line_error_rate=1.0, line_error_status=400)
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(faults=faults)) as server:
        project = make_project(tmp_path / "project", MISTRAL_API_KEY="k", MISTRAL_BASE_URL=server.url)
        assert project.run("apply", "--yes", "--wait").code == 6
        (told,) = project.run("show", "demo", "--id", "r2", "--json").document["requests"]
        assert (told["recorded"]["status"], told["recorded"]["answer"]["status_code"], told["text"]) == (
            "failed", 400, None,
        )  # fmt: skip
        assert "no answers yet" in project.run("show", "demo").out


def test_a_row_that_was_sent_again_tells_every_try_with_its_job_and_its_end(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = make_project(tmp_path / "project", MISTRAL_API_KEY="k", MISTRAL_BASE_URL=server.url)
        server.set_faults(Faults(line_error_rate=1.0, line_error_status=400))
        assert project.run("apply", "--yes", "--wait").code == 6
        server.set_faults(Faults())
        assert project.run("retry").code == 0
        assert project.run("apply", "--yes", "--wait").code == 0
        (told,) = project.run("show", "demo", "--id", "r2", "--json").document["requests"]
        recorded = told["recorded"]
        first, second = (claim["job_id"] for claim in recorded["claims"])
        assert (recorded["attempts"], recorded["answer"]["outcome"]) == (2, "succeeded")
        assert [(each["job_id"], each["outcome"], each["status_code"]) for each in recorded["earlier"]] == [
            (first, "failed", 400)
        ]
        text = project.run("show", "demo", "--id", "r2").out
        assert f"earlier    failed, status code 400, in job {first}" in text
        assert f"job {second}" in text


def test_what_is_not_there_is_refused_with_the_nearest_name(project: Project) -> None:
    missing = project.run("show", "demo", "--id", "r9")
    assert (missing.code, "no row of `demo` has the custom_id `r9`" in missing.err) == (3, True)
    assert "did you mean `demo`?" in project.run("show", "dem").err
    project.write("more.batchspec.yaml", chat_spec("more"))
    assert "`.` holds 2 specs" in project.run("show", ".").err
    error = json.loads(project.run("show", "nothing-like-it", "--json").out)["error"]
    assert error["exit_code"] == 3


def test_text_of_a_model_cannot_move_the_terminal(project: Project) -> None:
    project.write("rows.csv", 'id,word\nr0,"\x1b[2J\u202ex"\n')
    assert project.run("apply", "--yes", "--wait").code == 0
    shown = project.run("show", "demo", "--id", "r0").out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
