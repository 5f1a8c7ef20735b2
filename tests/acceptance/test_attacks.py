"""Input that attacks is refused in words, with the exit code of bad input, in bounded time; text steers no terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from attacks import ATTACKS, Attack
from driving import Outcome, chat_spec, make_project
from forking import ForkedProject, ForkServer, fork_server

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
LONGEST = 60.0
"""Seconds, on the slowest of machines; most take a tenth of one."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_an_attack_is_refused_in_words(tmp_path: Path, forks: ForkServer, attack: Attack) -> None:
    made = make_project(tmp_path / "project")
    (tmp_path / "secret.md").write_text("the secret")
    attack.place(made.root)
    project = ForkedProject(
        made.root, {"MISTRAL_BASE_URL": "http://127.0.0.1:9", "MISTRAL_API_KEY": "any"}, server=forks
    )
    refused = project.run("validate", timeout=LONGEST)
    assert refused.code == 3, refused.err[:2000]
    assert attack.told in refused.err
    assert "error[" in refused.err
    assert "the secret" not in refused.err
    assert "root:" not in refused.err
    assert len(refused.err) < 100_000


STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\r\x08"
STEERS = set("\x1b\x07\x9b\u202e\u2066\r\x08")


def test_text_of_files_and_names_steers_no_terminal(tmp_path: Path, forks: ForkServer) -> None:
    made = make_project(tmp_path / "project")
    folder = made.root / f"odd{STEERING}"
    folder.mkdir()
    name = f"{folder.name}/s{STEERING}.batchspec.yaml"
    made.write(name, chat_spec("odd", inputs=f'"../rows.csv"\ndescription: {json.dumps(STEERING)}'))
    made.write("rows.csv", f"id,word\nr{STEERING[:9]},a\n".replace("\r", ""))
    project = ForkedProject(made.root, {}, server=forks)
    for arguments in (("plan", "--no-refresh"), ("apply", "--provider", "emulator", "--yes", "--wait"), ("results",)):
        ended = project.run(*arguments, "--provider", "emulator")
        shows_nothing_that_steers(ended)
        assert ended.code == 0, ended.err
    assert "␛" in project.run("plan", "--no-refresh").out
    made.write(name, chat_spec("odd").replace("row.word", f"row.wo{STEERING}") + f"{json.dumps(STEERING)}: 1\n")
    refused = project.run("validate")
    assert refused.code == 3
    shows_nothing_that_steers(refused)


def shows_nothing_that_steers(ended: Outcome) -> None:
    for text in (ended.out, ended.err):
        assert not STEERS & set(text), repr(text)


class Steering(BaseHTTPRequestHandler):
    """A server whose every word is meant for a terminal."""

    status = 400
    answer = json.dumps({"message": STEERING, "detail": STEERING, "request_id": STEERING}).encode()

    def respond(self) -> None:
        self.close_connection = True
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-request-id", "a\x1b]0;owned\x07")
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(self.answer)

    do_GET = do_POST = do_DELETE = respond  # noqa: N815 - the names that the base class calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


ODD_JOB = {
    "id": "job-1",
    "status": f"RUNNING{STEERING}",
    "model": f"m{STEERING}",
    "endpoint": f"/v1/{STEERING}",
    "metadata": {"bspec_project": "00000000-0000-4000-8000-000000000001", "bspec_spec": STEERING},
    "created_at": 1_700_000_000,
    "errors": [{"message": STEERING}],
}


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (400, {"message": STEERING, "detail": STEERING, "request_id": STEERING}, 1),
        (401, {"message": STEERING}, 4),
        (200, {"data": [ODD_JOB], "total": 1}, 0),
        (200, {"data": [ODD_JOB | {"id": STEERING}], "total": 1}, 1),
        (200, {"data": [ODD_JOB | {"id": "../../x"}], "total": 1}, 1),
    ],
)
def test_text_of_a_server_steers_no_terminal(
    tmp_path: Path, forks: ForkServer, status: int, answer: object, code: int
) -> None:
    handler = type("Now", (Steering,), {"status": status, "answer": json.dumps(answer).encode()})
    made = make_project(tmp_path / "project")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": f"http://127.0.0.1:{server.server_port}"}
            project = ForkedProject(made.root, environ, server=forks)
            listed = project.run("jobs")
            planned = project.run("plan", "--verbose")
        finally:
            server.shutdown()
            thread.join()
    assert listed.code == code, listed.err
    shows_nothing_that_steers(listed)
    shows_nothing_that_steers(planned)
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_every_attack_that_is_tried_is_on_the_page(attack: Attack) -> None:
    assert attack.row in PAGE.read_text(encoding="utf-8")
