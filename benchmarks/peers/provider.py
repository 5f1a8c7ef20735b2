"""A small provider with OpenAI's files and batches API on loopback, which executes a batch when it is created.

Its ledger counts how often each request body was executed, which is what a provider charges for.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.peers.ledger import Ledger


@dataclass(slots=True)
class Provider:
    """Files, batches and the ledger, guarded by one lock."""

    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    executed: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ledger(self) -> Ledger:
        """Return what has been executed so far."""
        with self.lock:
            paid = self.executed.total()
            return Ledger(jobs=len(self.batches), paid=paid, twice=paid - len(self.executed))

    def add_file(self, content: bytes) -> dict[str, Any]:
        """Keep a file; return the API's object of it."""
        name = f"file-{len(self.files) + 1:06}"
        self.files[name] = content
        return self.file(name)

    def file(self, name: str) -> dict[str, Any]:
        """Return the API's object of a file. Raises KeyError where there is none."""
        return {
            "id": name,
            "object": "file",
            "bytes": len(self.files[name]),
            "created_at": int(time.time()),
            "filename": f"{name}.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def create(self, order: dict[str, Any]) -> dict[str, Any]:
        """Make a batch and execute it. The object returned is as it was before the first request was done."""
        lines = [json.loads(line) for line in self.files[order["input_file_id"]].splitlines() if line]
        results = []
        for line in lines:
            self.executed[json.dumps([line["url"], line["body"]], sort_keys=True)] += 1
            response = {"status_code": 200, "request_id": line["custom_id"], "body": _completion(line["body"])}
            results.append({"id": "line", "custom_id": line["custom_id"], "response": response, "error": None})
        output = self.add_file("".join(json.dumps(result) + "\n" for result in results).encode())
        now = int(time.time())
        new = {
            "id": f"batch_{len(self.batches) + 1:06}",
            "object": "batch",
            "endpoint": order["endpoint"],
            "errors": None,
            "input_file_id": order["input_file_id"],
            "completion_window": order["completion_window"],
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            "expires_at": now + 86400,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "metadata": order.get("metadata"),
        }
        done = {
            "status": "completed",
            "output_file_id": output["id"],
            "in_progress_at": now,
            "finalizing_at": now,
            "completed_at": now,
            "request_counts": {"total": len(lines), "completed": len(lines), "failed": 0},
        }
        self.batches[str(new["id"])] = {**new, **done}
        return new


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    """Return a chat completion: an echo, or an object with every property that a JSON Schema names."""
    echo = "echo of " + str(body["messages"][-1]["content"])
    message: dict[str, Any] = {"role": "assistant", "content": echo}
    if schema := (body.get("response_format") or {}).get("json_schema", {}).get("schema"):
        message["content"] = json.dumps(dict.fromkeys(schema["properties"], echo))
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _uploaded(content_type: str, body: bytes) -> bytes:
    """Return the content of the file in a multipart form."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "file":
            return bytes(part.get_payload(decode=True) or b"")
    raise KeyError("file")


class _Handler(BaseHTTPRequestHandler):
    """One connection of the provider's HTTP server."""

    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            with self.provider.lock:
                status, content = 200, self._content(body)
        except KeyError as absent:
            self.provider.refused.append(f"{self.command} {self.path}")
            error = {"message": f"nothing here: {absent}", "type": "invalid_request_error", "param": None, "code": None}
            status, content = 404, json.dumps({"error": error}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 (http.server's names)

    def _content(self, body: bytes) -> bytes:
        address = urlsplit(self.path)
        if self.command == "GET" and (found := re.fullmatch(r"/v1/files/([^/]+)/content", address.path)):
            return self.provider.files[found[1]]
        return json.dumps(self._object(address.path, parse_qs(address.query), body)).encode()

    def _object(self, path: str, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        found = re.fullmatch(r"/v1/(files|batches)(?:/([^/]+))?(/cancel)?", path)
        if not found:
            raise KeyError(path)
        match (self.command, found[1], found[2], found[3]):
            case ("POST", "files", None, None):
                return self.provider.add_file(_uploaded(self.headers["Content-Type"], body))
            case ("GET", "files", str(name), None):
                return self.provider.file(name)
            case ("DELETE", "files", str(name), None):
                del self.provider.files[name]
                return {"id": name, "object": "file", "deleted": True}
            case ("POST", "batches", None, None):
                return self.provider.create(json.loads(body))
            case ("GET", "batches", None, None):
                return self._listed(query)
            case ("GET", "batches", str(name), None) | ("POST", "batches", str(name), "/cancel"):
                return self.provider.batches[name]
        raise KeyError(path)

    def _listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return one page of batches, newest first."""
        names = list(reversed(self.provider.batches))
        if after := query.get("after"):
            names = names[names.index(after[0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        data = [self.provider.batches[name] for name in names[:limit]]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return {"object": "list", "data": data, "has_more": len(names) > limit, **ends}


@contextmanager
def serving() -> Iterator[tuple[Provider, int]]:
    """Serve a new provider on a free port of loopback; yield it and the port."""
    provider = Provider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
