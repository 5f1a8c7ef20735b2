"""HTTP on loopback: connections that stay open, and a server whose every thread and socket ends when it is stopped.

werkzeug's own handler closes each connection and waits for stray bytes after every answer; a client that polls wants
neither, so requests are read and answered here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

_DRAIN_BLOCK = 256 * 1024
_GRACE_SECONDS = 1.0
_BODILESS = frozenset({204, 304})


class Handler(WSGIRequestHandler):
    """Answers one connection's requests, one after the other."""

    protocol_version = "HTTP/1.1"
    # An answer is written in two parts, and the second must not wait for the client to acknowledge the first.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Read one request, answer it, and leave the connection at the beginning of the next."""
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.environ = environ = self.make_environ()
        body = get_input_stream(environ)
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            head[:] = [status, headers]

        try:
            content = self.server.app(environ, start_response)
            try:
                # A client that is still sending does not listen yet.
                while body.read(_DRAIN_BLOCK):
                    pass
                self._answer(head[0], head[1], content)
            finally:
                close = getattr(content, "close", None)
                if close is not None:
                    close()
        except (OSError, HTTPException):
            # The connection is gone, or is to go without an answer.
            self.close_connection = True

    def _answer(self, status: str, headers: list[tuple[str, str]], content: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        names = {name.lower() for name, _ in headers}
        bodiless = self.command == "HEAD" or int(code) in _BODILESS
        chunked = not bodiless and "content-length" not in names
        if chunked and self.request_version == "HTTP/1.0":
            chunked, self.close_connection = False, True
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        for block in content:
            if block and not bodiless:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name that werkzeug gave it
        """Say nothing: whoever wants to know a call's fate sees its answer."""


class LoopbackServer(ThreadedWSGIServer):
    """Serves an application on an open socket, a thread for each connection, and knows them all."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, app: Any) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, app, Handler, fd=listener.fileno())
        self._turn = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="batchspec-emulator-connection",
            daemon=True,
        )
        with self._turn:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, which is then no longer known."""
        super().shutdown_request(request)
        with self._turn:
            self._connections.pop(request, None)

    def end_connections(self) -> None:
        """End all connections once nobody accepts new ones: idle ones now, others when they have answered.

        A client that does not take its answer is waited for one second.
        """
        with self._turn:
            threads = list(self._connections.values())
        self._shut(socket.SHUT_RD)
        deadline = time.monotonic() + _GRACE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._shut(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def _shut(self, how: int) -> None:
        with self._turn:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(how)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke: there is nobody to tell."""
