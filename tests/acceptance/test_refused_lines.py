"""An upload that is refused for single lines leads back to the input rows, whatever file and line they stand on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from driving import make_project, table

ANSWER = {
    "detail": "Invalid file format.",
    "description": "Found 2 errors in this file. You can view supported formats here.",
    "errors": [
        {"message": "1 validation error: text is too long", "line_number": 2},
        {"message": "Input should be an object", "line_number": 3},
    ],
}


class RefusingService(BaseHTTPRequestHandler):
    """The recorded answer of the service to a file with bad lines; the emulator accepts all that we can render."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def do_GET(self) -> None:
        self._answer(200, {"data": [], "object": "list", "total": 0})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(422, ANSWER)

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RefusingService)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_refused_lines_are_told_at_their_rows(tmp_path: Path, refusing: str) -> None:
    project = make_project(tmp_path, rows=2, MISTRAL_API_KEY="k", MISTRAL_BASE_URL=refusing)
    project.write("demo.batchspec.yaml", (tmp_path / "demo.batchspec.yaml").read_text().replace("rows.csv", "'*.csv'"))
    project.write("rows-2.csv", table(2, start=2))
    (tmp_path / "rows.csv").rename(tmp_path / "rows-1.csv")
    refused = project.run("apply", "--yes")
    assert refused.code == 3, refused.err
    assert "rows-1.csv:3:1: error[refused]: the provider refused the request `r1`: 1 validation error" in refused.err
    assert "rows-2.csv:2:1: error[refused]: the provider refused the request `r2`: Input should be" in refused.err
    assert "demo.batchspec.yaml" in refused.err
    again = project.run("plan", "--json", "--no-refresh").document
    assert again["summary"]["submit"] == 4
