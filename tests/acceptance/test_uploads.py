"""OCR of local files: uploaded once for each content, named by what they hold, and never a reason to pay again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from asking import KEY, get
from driving import Project, make_project

from batchspec.emulator.server import EmulatorServer

SPEC = """\
batchspec: 1
name: demo
endpoint: /v1/ocr
model: mistral-ocr-latest
inputs: [{id: a, path: scans/a.pdf}, {id: b, path: scans/b.pdf}, {id: c, path: scans/c.pdf}]
custom_id: "{{ row.id }}"
body:
  document: {type: file, file_id: "{{ row.path | upload }}"}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    project = make_project(
        tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5"
    )
    project.write("demo.batchspec.yaml", SPEC)
    project.write("scans/a.pdf", "%PDF-1.4 the first")
    project.write("scans/b.pdf", "%PDF-1.4 the second")
    project.write("scans/c.pdf", "%PDF-1.4 the second")
    return project


def uploaded(server: EmulatorServer) -> list[str]:
    return [file["id"] for file in get(server, "/v1/files?purpose=ocr")["data"]]


def forget_state(project: Project) -> None:
    for path in (project.root / ".batchspec").glob("state*"):
        path.unlink()


@pytest.mark.parametrize("submit", ["file", "inline"])
def test_files_are_uploaded_once_and_their_ids_are_sent(project: Project, server: EmulatorServer, submit: str) -> None:
    project.write("demo.batchspec.yaml", SPEC + f"submit: {submit}\n")
    applied = project.run("apply", "--yes", "--wait", "--json")
    assert applied.code == 0, applied.err
    assert applied.document["sent"] == {"jobs": 1, "requests": 2}
    assert len(uploaded(server)) == 2
    rows = project.rows("results/demo.jsonl")
    assert [row["status"] for row in rows] == ["succeeded"] * 3
    assert rows[1]["response"] == rows[2]["response"] != rows[0]["response"]
    assert project.run("apply", "--yes", "--json").document["sent"]["requests"] == 0


def test_identity_is_the_content_and_neither_the_name_nor_the_id(project: Project, server: EmulatorServer) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    for file in uploaded(server):
        requests.delete(f"{server.url}/v1/files/{file}", headers=KEY, timeout=60)
    (project.root / "scans/a.pdf").rename(project.root / "scans/renamed.pdf")
    project.write("demo.batchspec.yaml", SPEC.replace("scans/a.pdf", "scans/renamed.pdf"))
    assert project.run("apply", "--yes", "--json").document["sent"]["requests"] == 0
    project.write("scans/renamed.pdf", "%PDF-1.4 edited")
    edited = project.run("apply", "--yes", "--wait", "--json").document
    assert edited["sent"]["requests"] == 1
    assert len(uploaded(server)) == 1


def test_a_file_that_has_expired_is_uploaded_again(project: Project, server: EmulatorServer) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    for file in uploaded(server):
        requests.delete(f"{server.url}/v1/files/{file}", headers=KEY, timeout=60)
    project.write("demo.batchspec.yaml", SPEC + "  pages: [0]\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    assert len(uploaded(server)) == 2


@pytest.mark.parametrize("submit", ["file", "inline"])
def test_a_state_that_knows_nothing_knows_the_files_again(
    project: Project, server: EmulatorServer, submit: str
) -> None:
    project.write("demo.batchspec.yaml", SPEC + f"submit: {submit}\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    forget_state(project)
    applied = project.run("apply", "--yes", "--wait", "--json").document
    assert applied["sent"]["requests"] == 0
    assert get(server, "/emulator/ledger")["executions"] == 2


def test_a_file_that_is_missing_is_told_with_its_row(project: Project) -> None:
    (project.root / "scans/b.pdf").unlink()
    told = project.run("validate")
    assert told.code == 3
    assert "there is no file `scans/b.pdf`" in told.err


@pytest.mark.parametrize("step", ["submit:before-local-upload", "submit:after-local-upload"])
def test_a_death_around_an_upload_is_made_good(project: Project, server: EmulatorServer, step: str) -> None:
    project.environ["BATCHSPEC_CRASH_AT"] = step
    assert project.run("apply", "--yes", "--wait").code == 1
    del project.environ["BATCHSPEC_CRASH_AT"]
    assert project.run("apply", "--yes", "--wait").code == 0
    assert len(uploaded(server)) == 2
    assert get(server, "/emulator/ledger")["executions"] == 2
