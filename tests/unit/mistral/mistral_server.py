"""A real HTTP server on loopback that answers by a script, and the collaborators that the client's tests share.

Every request takes the script's next behaviour; what came in is kept to be looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from batchspec.core.ports import Provider
from batchspec.mistral.base_url import parse_base_url
from batchspec.mistral.client import MistralProvider
from batchspec.mistral.exchange import Timing
from batchspec.mistral.key import ApiKey

KEY = "canary-key-4f1d2c3b"
FILE_ID = "3f0c8f3e-6f5a-4f0e-9d6a-1d3f9a8b7c6d"
JOB_ID = "0b6f1e0e-52a4-4a7c-8f52-7a9d4a1c2e3f"
JSON = "application/json"
BATCH_FILE = {"id": FILE_ID, "object": "file", "bytes": 10, "created_at": 1, "filename": "a.jsonl", "purpose": "batch"}

Behaviour = Callable[["Handler"], None]


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: object


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart, and each answer would wait 40 ms for the acknowledgement of its head.
    disable_nagle_algorithm = True
    owner: ScriptedServer

    def do_GET(self) -> None:
        with self.owner.lock:
            behaviour = self.owner.script.pop(0) if self.owner.script else answer(500, {"detail": "the script is over"})
        if getattr(behaviour, "before_the_body", False):
            self.owner.seen.append(Seen(self.command, self.path, dict(self.headers), b"", self.client_address))
            behaviour(self)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.owner.lock:
            self.owner.seen.append(Seen(self.command, self.path, dict(self.headers), body, self.client_address))
        behaviour(self)

    def do_POST(self) -> None:
        self.do_GET()

    def write_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def drop(self) -> None:
        """End the connection properly, without another byte."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


@dataclass
class ScriptedServer:
    url: str
    script: list[Behaviour]
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def lines(self) -> list[str]:
        """`METHOD path` of each request."""
        return [f"{request.method} {request.path}" for request in self.seen]

    def posts(self) -> int:
        return sum(request.method == "POST" for request in self.seen)


@contextlib.contextmanager
def scripted(*script: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    handler = type("BoundHandler", (Handler,), {"log_message": lambda *_: None})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    owner = ScriptedServer(f"{scheme}://127.0.0.1:{server.server_port}", list(script))
    handler.owner = owner  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield owner
    finally:
        owner.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, value: object, **headers: str) -> Behaviour:
    """Answer with JSON; header names are given with `_` for `-`."""
    return text_answer(status, json.dumps(value).encode(), JSON, **headers)


def text_answer(status: int, body: bytes, content_type: str, **headers: str) -> Behaviour:
    def behave(handler: Handler) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.write_head(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **named})
        handler.wfile.write(body)

    return behave


def page(status: int) -> Behaviour:
    return text_answer(status, b"<!DOCTYPE html><title>Sign in</title>" + KEY.encode(), "text/html; charset=utf-8")


def hang_up(handler: Handler) -> None:
    """Take the request and close without an answer."""
    handler.drop()


def reset(handler: Handler) -> None:
    """Take the request and reset the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.rfile.close()
    handler.connection.close()


def say_nothing(handler: Handler) -> None:
    """Keep the connection open and never answer."""
    handler.owner.over.wait(30)
    handler.close_connection = True


def trickle_head(handler: Handler) -> None:
    """Send a header byte now and then, so that no single read ever times out."""
    with contextlib.suppress(OSError):
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not handler.owner.over.wait(0.02):
            handler.connection.sendall(b"x")
    handler.close_connection = True


def trickle_body(handler: Handler) -> None:
    """Send a body without a length, a byte now and then."""
    with contextlib.suppress(OSError):
        handler.write_head(200, {"Content-Type": JSON, "Connection": "close"})
        while not handler.owner.over.wait(0.02):
            handler.connection.sendall(b" ")
    handler.close_connection = True


def send_slowly(body: bytes, pieces: int, pause: float) -> Behaviour:
    """Send a body in equal pieces, with a pause before each."""

    def behave(handler: Handler) -> None:
        handler.write_head(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))})
        size = -(-len(body) // pieces)
        for start in range(0, len(body), size):
            handler.owner.over.wait(pause)
            handler.wfile.write(body[start : start + size])

    return behave


def cut_body(body: bytes, announced: int | None, content_type: str = "application/octet-stream") -> Behaviour:
    """Send `body` and hang up, having announced more of it (or, with None, no length at all)."""

    def behave(handler: Handler) -> None:
        length = {"Connection": "close"} if announced is None else {"Content-Length": str(announced)}
        handler.write_head(200, {"Content-Type": content_type, **length})
        handler.wfile.write(body)
        handler.wfile.flush()
        handler.drop()

    return behave


def cut_chunks(body: bytes) -> Behaviour:
    """Send one chunk of a chunked body and hang up before the last."""

    def behave(handler: Handler) -> None:
        handler.write_head(200, {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))
        handler.wfile.flush()
        handler.drop()

    return behave


def garbage(handler: Handler) -> None:
    """Answer with something that is not HTTP."""
    handler.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    handler.drop()


def then_close_silently(behaviour: Behaviour) -> Behaviour:
    """Answer as if the connection were kept, then close it."""

    def behave(handler: Handler) -> None:
        behaviour(handler)
        handler.wfile.flush()
        handler.drop()

    return behave


def job(**fields: object) -> dict[str, object]:
    """A batch job as the API answers it just after creation."""
    return {
        "id": JOB_ID,
        "object": "batch",
        "input_files": [FILE_ID],
        "metadata": {"bspec_shard": "ab"},
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "agent_id": None,
        "output_file": None,
        "error_file": None,
        "errors": [],
        "status": "QUEUED",
        "created_at": 1_700_000_000,
        "started_at": None,
        "completed_at": None,
        "total_requests": 0,
        "completed_requests": 0,
        "succeeded_requests": 0,
        "failed_requests": 0,
        **fields,
    }


class FakeClock:
    """Moves only when somebody sleeps. A fake, because the waits that are tested last for minutes."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Recorder:
    """A Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int | None, str]] = []
        self.counted = 0
        self.notes: list[str] = []
        self.finished = 0

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        self.phases.append((phase, total, unit))

    def advance(self, count: int = 1) -> None:
        assert count >= 0
        self.counted += count

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> None:
        self.finished += 1


def provider(
    url: str,
    clock: FakeClock | None = None,
    *,
    on_wait: Callable[[str], None] | None = None,
    timing: Timing | None = None,
) -> MistralProvider:
    """A client whose backoff is always the longest."""
    return MistralProvider(
        base_url=parse_base_url(url),
        key=ApiKey(KEY),
        clock=clock or FakeClock(),
        on_wait=on_wait,
        random=lambda: 1.0,
        timing=timing or Timing(connect=5.0, read=5.0, whole=20.0),
    )


def as_port(mistral: MistralProvider) -> Provider:
    """The client as the commands see it: the type checker says here whether it fills the port."""
    return mistral


def uploaded_file(request: Seen) -> bytes:
    """The file part's bytes of a multipart request."""
    found = re.search(r"boundary=(\S+)", request.headers["Content-Type"])
    assert found is not None
    parts = request.body.split(b"--" + found[1].encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    assert b'name="purpose"\r\n\r\nbatch\r\n' in parts[1]
    return parts[2].split(b"\r\n\r\n", 1)[1][:-2]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(folder: Path, data: bytes, name: str = "a.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
