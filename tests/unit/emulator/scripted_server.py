"""A real HTTP server on loopback that answers as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request as it came; `nth` counts those with the same path and body from 1."""

    path: str
    body: Any
    headers: Mapping[str, str]
    nth: int


@dataclass
class Told:
    """An answer; `content` may be given in place of a `body`. `hang` waits for the end, `cut` breaks off."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    hang: bool = False
    drop: bool = False
    cut: bool = False


Script = Callable[[Asked], Told]


def completion(text: str) -> Told:
    message = {"role": "assistant", "content": text}
    return Told(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "live",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    )


def echo(asked: Asked) -> Told:
    return completion(f"heard {asked.body['messages'][-1]['content']}")


class ScriptedServer:
    """Serves while it is entered; `asked` holds the requests, `most_at_once` how many were under way together."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.ended = threading.Event()
        self.open: set[Any] = set()
        self._at_once = 0
        self._turn = threading.Lock()
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def note(self, path: str, body: Any, headers: Mapping[str, str]) -> Asked:
        with self._turn:
            nth = 1 + sum(1 for one in self.asked if (one.path, one.body) == (path, body))
            asked = Asked(path, body, headers, nth)
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return asked

    def note_end(self) -> None:
        with self._turn:
            self._at_once -= 1

    def count(self, path: str) -> int:
        return sum(1 for one in self.asked if one.path == path)

    @contextmanager
    def serving(self) -> Iterator[ScriptedServer]:
        self._thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            self._http.shutdown()
            for connection in list(self.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    owner: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.owner.open.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.owner.open.discard(self.connection)  # type: ignore[attr-defined]
        super().finish()

    def do_POST(self) -> None:
        owner = self.server.owner  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = owner.note(self.path, body, dict(self.headers))
        try:
            self._tell(owner, owner.script(asked))
        finally:
            owner.note_end()

    def _tell(self, owner: ScriptedServer, told: Told) -> None:
        if told.hang:
            owner.ended.wait(20)
        if told.hang or told.drop:
            self.close_connection = True
            return
        content = json.dumps(told.body).encode() if told.content is None else told.content
        self.send_response(told.status)
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + (10 if told.cut else 0)))
        self.end_headers()
        self.wfile.write(content)
        if told.cut:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
