"""A gate between a tool and a provider: it passes every call on, and lets a fault happen to one answer when asked to.

The faults come after the provider has made the job, so they are the same for every tool and every provider.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CREATES = re.compile(r"POST /v1/(batches|batch/jobs)")
_STATUS = re.compile(r"GET /v1/(batches|batch/jobs)/[^/]+")
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "proxy-connection"}


class Fault(Enum):
    """What happens to one answer, once."""

    NONE = "none"
    LOSE = "lose"
    """The connection is closed without an answer to "create job"."""
    HOLD = "hold"
    """The answer to "create job" is held back until the client is gone."""
    HOLD_STATUS = "hold status"
    """The answer to the first question for a job's status is held back until the client is gone."""


@dataclass(slots=True)
class Gate:
    """The gate's state: the fault in force, and whether an answer is being held."""

    upstream: int
    tls: ssl.SSLContext | None = None
    fault: Fault = Fault.NONE
    port: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault) -> None:
        """Put a fault in force for the next job created."""
        with self.lock:
            self.fault = fault
            self.held.clear()
            self.released.clear()

    def disarm(self, call: str) -> Fault:
        """Return the fault that is in force for a call, and take it out of force."""
        with self.lock:
            wanted = _STATUS if self.fault is Fault.HOLD_STATUS else _CREATES
            if not wanted.fullmatch(call):
                return Fault.NONE
            fault, self.fault = self.fault, Fault.NONE
            return fault


class _Handler(BaseHTTPRequestHandler):
    """One connection through the gate."""

    protocol_version = "HTTP/1.1"
    gate: Gate

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        pass

    def do_CONNECT(self) -> None:
        """Serve a tool that only knows the provider's real host, through its proxy settings, with our certificate."""
        if self.gate.tls is None:
            self.send_error(403)
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.connection = self.gate.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _pass_on(self) -> None:
        body = self._body()
        upstream = http.client.HTTPConnection("127.0.0.1", self.gate.upstream, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
        upstream.request(self.command, self.path, body=body, headers=headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        self.close_connection = True
        if answer.status < 300 and self._failed():
            return
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in _HOP | {"date", "server"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _pass_on  # noqa: N815 (http.server's names)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _failed(self) -> bool:
        """Let the fault in force for this call happen to its answer; say whether there was one."""
        fault = self.gate.disarm(f"{self.command} {self.path.partition('?')[0]}")
        if fault is Fault.NONE:
            return False
        if fault is not Fault.LOSE:
            self.gate.held.set()
            self.gate.released.wait(120)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return True


@contextmanager
def opened(upstream: int, tls: ssl.SSLContext | None) -> Iterator[Gate]:
    """Open a gate in front of a port of loopback, on a free port."""
    gate = Gate(upstream=upstream, tls=tls)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gate": gate}))
    gate.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield gate
    finally:
        gate.released.set()
        server.shutdown()
        server.server_close()
