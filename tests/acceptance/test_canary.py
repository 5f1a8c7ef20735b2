"""A key that no output, file or log may hold, in every command and every failure; and who may read what is kept."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click
import pytest
import requests
from driving import Outcome, Project, chat_spec, make_project
from forking import ForkedProject, ForkedRun, ForkServer, fork_server

from batchspec.cli.app import main
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

CANARY = "sk-canary/8f3kQ+~%41=xYz\"'7Lm"
KEY = {"Authorization": f"Bearer {CANARY}"}


def shapes_of(secret: str) -> dict[str, bytes]:
    """The secret in every shape that HTTP, JSON and Python put a text into."""
    plain = secret.encode()
    shapes = {
        "plain": plain,
        "url": urllib.parse.quote(secret, safe="").encode(),
        "url path": urllib.parse.quote(secret).encode(),
        "json": json.dumps(secret)[1:-1].encode(),
        "repr": repr(secret)[1:-1].encode(),
        "hex": plain.hex().encode(),
        "utf-16": secret.encode("utf-16-le"),
        "a part": plain[:14],
    }
    for shift in range(3):
        # Whatever stands before it shifts base64 by up to two bytes; its ends depend on what stands around.
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            shapes[f"{name} {shift}"] = encode(b"\0" * shift + plain)[4:-4]
    return shapes


SHAPES = shapes_of(CANARY)


def no_key_in(what: str, data: bytes) -> None:
    for shape, form in SHAPES.items():
        assert form not in data, f"the key, {shape}, is in {what}"


class Watched(ForkedProject):
    """A project each of whose runs is looked through, and all that it leaves on disk."""

    def run(self, *arguments: str, timeout: float = 60) -> Outcome:
        ended = super().run(*arguments, timeout=timeout)
        self.looked_through(ended, " ".join(arguments))
        return ended

    def looked_through(self, ended: Outcome, what: str) -> None:
        no_key_in(f"the stdout of {what}", ended.out.encode())
        no_key_in(f"the stderr of {what}", ended.err.encode())
        for path in self.root.rglob("*"):
            no_key_in(f"the name of {path} after {what}", os.fsencode(path))
            if path.is_file():
                no_key_in(f"{path} after {what}", path.read_bytes())

    def with_(self, **environ: str) -> Watched:
        return Watched(self.root, self.environ | environ, server=self.server)


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    earlier = os.umask(0)
    try:
        with fork_server() as server:
            yield server
    finally:
        os.umask(earlier)


def watched(root: Path, forks: ForkServer, url: str) -> Watched:
    made: Project = make_project(root, rows=4)
    made.write("inline.batchspec.yaml", chat_spec("inline", extra="submit: inline\n"))
    environ = {"MISTRAL_API_KEY": CANARY, "MISTRAL_BASE_URL": url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return Watched(root, environ, server=forks)


@contextmanager
def emulator(folder: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(folder, options=EmulatorOptions(key=CANARY)) as server:
        yield server


def break_with(server: EmulatorServer, **faults: Any) -> None:
    assert requests.put(f"{server.url}/emulator/faults", json=faults, headers=KEY, timeout=60).status_code == 200


COMMANDS: dict[str, list[tuple[str, ...]]] = {
    "validate": [("validate",), ("validate", "--json")],
    "render": [("render",), ("render", "--out", "-")],
    "plan": [("plan",), ("plan", "--json"), ("plan", "--verbose", "--debug"), ("plan", "--out", "a.plan")],
    "apply": [
        ("apply", "a.plan"),
        ("apply", "--yes", "--verbose"),
        ("apply", "--yes", "--wait", "--debug"),
        ("apply", "--yes", "--json"),
    ],
    "status": [("status",), ("status", "--json")],
    "wait": [("wait",)],
    "results": [("results",), ("results", "demo.batchspec.yaml", "--out", "-")],
    "jobs": [("jobs",), ("jobs", "--json")],
    "cancel": [("cancel", "--yes")],
    "gc": [("gc", "--remote", "--jobs", "--yes")],
    "schema": [("schema",)],
    "emulator": [],
    "init": [("init", "begun")],
}
"""How each command is run, in this order; one that is not named is run as it is."""


def commands() -> list[tuple[str, ...]]:
    runs = [run for named in COMMANDS.values() for run in named]
    for name, command in main.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        if name not in COMMANDS:
            runs += [(name, each) for each in inner] or [(name,)]
    return runs


def test_no_command_shows_or_keeps_the_key(tmp_path: Path, forks: ForkServer) -> None:
    with emulator(tmp_path / "emulator") as server:
        project = watched(tmp_path / "project", forks, server.url)
        codes = {run: project.run(*run).code for run in commands()}
        assert codes["apply", "--yes", "--wait", "--debug"] == 0
        assert {code for run, code in codes.items() if run[0] in COMMANDS} == {0}
        recorded = project.root / ".batchspec" / "state.db"
        assert b"succeeded" in (project.root / "results/demo.jsonl").read_bytes()
        assert recorded.stat().st_size > 10_000
        assert CANARY not in project.run("jobs", "--nope").err


def told_address(serving: ForkedRun) -> str:
    """The address that a served emulator says, once it has said it."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with suppress(FileNotFoundError, IndexError):
            return serving.err().split("MISTRAL_BASE_URL=")[1].split(" MISTRAL_API_KEY")[0]
        time.sleep(0.02)
    raise AssertionError("the emulator has not said its address")


def test_a_served_emulator_shows_and_keeps_neither_its_key_nor_its_upstreams(tmp_path: Path, forks: ForkServer) -> None:
    project = watched(tmp_path / "project", forks, "http://127.0.0.1:9").with_(
        BATCHSPEC_EMULATOR_KEY=CANARY, BATCHSPEC_UPSTREAM_KEY=CANARY
    )
    serving = project.begin("emulator", "--port", "0", "--upstream", "http://127.0.0.1:9/v1")
    url = told_address(serving)
    ended = project.with_(MISTRAL_BASE_URL=url).run("apply", "--yes", "--wait", "1s")
    assert ended.code == 10, ended.err
    serving.send(signal.SIGTERM)
    project.looked_through(serving.wait(), "emulator")


FAILURES: list[tuple[dict[str, Any], set[int]]] = [
    ({"fail_calls": {"*": {"status": 401, "count": 99}}}, {4}),
    ({"fail_calls": {"*": {"status": 403, "count": 99}}}, {4}),
    *(({"fail_calls": {"create": {"status": status, "count": 99}}}, {1, 3, 4}) for status in (401, 404, 413, 422)),
    *(({"fail_calls": {"upload": {"status": status, "count": 99}}}, {1, 3, 4}) for status in (403, 404, 413, 422)),
    ({"fail_calls": {"create": {"status": 429, "count": 1, "retry_after": "0"}}}, {0, 1}),
    ({"fail_calls": {"list": {"status": 500, "count": 1, "retry_after": "0"}}}, {0}),
    ({"fail_calls": {"upload": {"status": 503, "count": 1, "retry_after": "0"}}}, {0}),
    ({"html": {"create": 99}}, {1, 5}),
    ({"html": {"*": 99}}, {1}),
    ({"drop_calls": {"create": 99}}, {5}),
    ({"lose_answers": {"create": 1}, "truncate_downloads": 1}, {0}),
    ({"line_error_rate": 1.0}, {6}),
    ({"fail_jobs": 9}, {0, 6}),
]


@pytest.mark.parametrize(("faults", "codes"), FAILURES, ids=lambda value: str(value)[:60])
def test_no_failure_shows_or_keeps_the_key(
    tmp_path: Path, forks: ForkServer, faults: dict[str, Any], codes: set[int]
) -> None:
    with emulator(tmp_path / "emulator") as server:
        project = watched(tmp_path / "project", forks, server.url)
        break_with(server, **faults)
        ended = project.run("apply", "--yes", "--wait", "20s", "--verbose", "--debug")
        assert ended.code in codes, ended.err


class Reflecting(BaseHTTPRequestHandler):
    """Answers with what it was sent, in every place that a client might show."""

    status = 200
    page = False

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = self.headers.get("Authorization", "")
        self.close_connection = True
        body = json.dumps(
            {"message": f"your key is {sent}", "detail": sent, "request_id": sent, "object": sent}
        ).encode()
        if self.page:
            body = f"<html><title>{sent}</title>{sent}</html>".encode()
        self.send_response(self.status, f"no {sent}")
        self.send_header("Content-Type", "text/html" if self.page else "application/json")
        self.send_header("x-request-id", sent)
        self.send_header("Location", f"https://example.org/?key={urllib.parse.quote(sent)}")
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that the base class calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def reflecting(status: int, *, page: bool) -> Iterator[str]:
    handler = type("Now", (Reflecting,), {"status": status, "page": page})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "page", "code"),
    [
        (200, False, 1),
        (200, True, 1),
        (302, False, 1),
        (400, False, 1),
        (401, False, 4),
        (403, True, 4),
        (404, False, 1),
        (422, False, 1),
        (501, True, 1),
    ],
)
def test_a_server_that_sends_the_key_back_does_not_have_it_shown(
    tmp_path: Path, forks: ForkServer, status: int, page: bool, code: int
) -> None:
    with reflecting(status, page=page) as url:
        project = watched(tmp_path / "project", forks, url)
        assert project.run("apply", "--yes", "--verbose", "--debug").code == code
        assert project.run("jobs", "--json").code == code


@pytest.mark.parametrize("wrong", ["{}\n{}", "{} {}", "{}\x7f", "{}é", "{}\t\r\n{}", "Bearer {}"])
@pytest.mark.parametrize("command", [("apply", "--yes", "--debug"), ("jobs", "--json")])
def test_a_key_of_the_wrong_form_is_refused_and_not_shown(
    tmp_path: Path, forks: ForkServer, wrong: str, command: tuple[str, ...]
) -> None:
    project = watched(tmp_path / "project", forks, "http://127.0.0.1:9")
    assert project.with_(MISTRAL_API_KEY=wrong.replace("{}", CANARY)).run(*command).code == 4


def test_a_key_in_the_place_of_the_address_is_not_shown(tmp_path: Path, forks: ForkServer) -> None:
    for url in (CANARY, f"https://{CANARY}@api.mistral.ai", f"https://user:{CANARY}@127.0.0.1:9", f"https://{CANARY}"):
        assert watched(tmp_path / "project", forks, url).run("apply", "--yes", "--debug").code == 3


BUG = """
from batchspec.mistral.exchange import Exchange

def broken(self, session, call, deadline):
    raise RuntimeError(f"an injected bug over {self._key.reveal()!r}, Bearer {self._key.reveal()}")

Exchange._send = broken
"""


def test_a_bug_that_quotes_the_key_has_a_log_without_it(tmp_path: Path, forks: ForkServer) -> None:
    project = watched(tmp_path / "project", forks, "http://127.0.0.1:9")
    bugs = tmp_path / "bugs"
    bugs.mkdir()
    (bugs / "sitecustomize.py").write_text(BUG)
    environ = project.environment() | {"PYTHONPATH": f"{bugs}{os.pathsep}{Path(__file__).parents[2]}"}
    for arguments in (("jobs",), ("apply", "--yes", "--debug")):
        started = Project(project.root, environ).start(*arguments)
        out, err = started.communicate(timeout=60)
        assert started.returncode == 1, err
        assert "error[bug]" in err
        project.looked_through(Outcome(1, out, err), " ".join(arguments))
    logs = list((project.root / ".batchspec" / "logs").iterdir())
    assert logs
    for log in logs:
        assert "an injected bug over" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


OPEN = {".gitignore"}
"""What says nothing of anybody's data, in a folder that is its owner's alone."""


@pytest.mark.parametrize(
    "step", ["submit:before-upload", "submit:after-create", "collect:before-take-in", "never"], ids=str
)
def test_what_is_written_is_for_its_owner_alone_whatever_the_umask(
    tmp_path: Path, forks: ForkServer, step: str
) -> None:
    with emulator(tmp_path / "emulator") as server:
        project = watched(tmp_path / "project", forks, server.url)
        given = set(project.root.rglob("*"))
        project.with_(BATCHSPEC_CRASH_AT=step).run("apply", "--yes", "--wait")
        project.with_(BATCHSPEC_CRASH_AT="").run("render") if step == "never" else None
    made = [path for path in project.root.rglob("*") if path not in given]
    kinds = {path.name for path in made} | {path.parent.name for path in made}
    assert {"state.db", "state.db.lock"} <= kinds
    wanted = {"submit:before-upload": "spool", "collect:before-take-in": "downloads", "never": "results"}
    assert wanted.get(step, "state.db") in kinds
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir() and path.parent == project.root:
            assert mode == 0o700, f"{path} is {mode:o}"
        elif path.is_file() and path.name not in OPEN and "emulator" not in path.parts:
            assert mode == 0o600, f"{path} is {mode:o}"
