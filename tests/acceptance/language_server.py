"""A client of a language server over its standard streams: opens a document, asks at a cursor, reads what is amiss.

It speaks as much of the protocol (JSON-RPC 2.0 in frames with a length) as the tests of editors ask for.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is offered at a cursor: its label, what it inserts, and what is told of it."""

    label: str
    inserts: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is amiss, at a line and column from 1 on, and how grave: 1 an error, 2 a warning."""

    line: int
    column: int
    severity: int
    message: str


class LanguageServer:
    """A running language server. `settings` are what an editor would give it."""

    def __init__(self, command: Sequence[str], root: Path, settings: Mapping[str, object]) -> None:
        self._settings = settings
        self._root = root
        self._process = subprocess.Popen(list(command), cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._problems: dict[str, queue.Queue[list[dict[str, Any]]]] = {}
        self._asked = 0
        self._writing = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        capabilities = {
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True},
        }
        folder = {"uri": self._root.as_uri(), "name": self._root.name}
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder["uri"],
                "workspaceFolders": [folder],
                "capabilities": capabilities,
            },
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": self._settings})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._ask("shutdown", None)
            self._tell("exit", None)
        else:
            self._process.kill()
        self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def problems(self, path: Path, text: str) -> list[Problem]:
        """Open a text under a path, which need not be there, and return what is amiss in it, by place."""
        uri = path.as_uri()
        found = self._problems.setdefault(uri, queue.Queue())
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        told = found.get(timeout=_PATIENCE)
        problems = [
            Problem(
                line=each["range"]["start"]["line"] + 1,
                column=each["range"]["start"]["character"] + 1,
                severity=each.get("severity", 1),
                message=each["message"],
            )
            for each in told
        ]
        return sorted(problems, key=lambda each: (each.line, each.column, each.message))

    def completions(self, path: Path, text: str) -> dict[str, Completion]:
        """Return what is offered, by label, where `|` stands in a text."""
        told = self._at_cursor("textDocument/completion", path, text)
        items = told["items"] if isinstance(told, dict) else told or []
        return {
            item["label"]: Completion(
                label=item["label"],
                inserts=str(item.get("textEdit", {}).get("newText", item.get("insertText", ""))),
                told=_text_of(item.get("documentation")),
            )
            for item in items
        }

    def hover(self, path: Path, text: str) -> str:
        """Return what is told of the word at `|`, as Markdown; empty where that is nothing."""
        told = self._at_cursor("textDocument/hover", path, text)
        return _text_of(told["contents"]) if told else ""

    def _at_cursor(self, method: str, path: Path, text: str) -> Any:
        before, _, after = text.partition("|")
        self.problems(path, before + after)
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self._ask(method, {"textDocument": {"uri": path.as_uri()}, "position": position})

    def _ask(self, method: str, params: object) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        answer = self._answers.get(timeout=_PATIENCE)
        assert answer["id"] == self._asked
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        stream = self._process.stdin
        assert stream is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._writing:
            stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            stream.flush()

    def _read(self) -> None:
        """Sort what comes: answers, problems, and the questions that a server may ask its editor."""
        while (message := self._frame()) is not None:
            method = message.get("method")
            if method is None:
                self._answers.put(message)
            elif method == "textDocument/publishDiagnostics":
                params = message["params"]
                self._problems.setdefault(params["uri"], queue.Queue()).put(params["diagnostics"])
            elif "id" in message:
                self._send({"id": message["id"], "result": self._answer(method, message.get("params"))})

    def _answer(self, method: str, params: Any) -> object:
        if method == "workspace/configuration":
            return [self._settings.get(str(item.get("section")), {}) for item in params["items"]]
        return None

    def _frame(self) -> dict[str, Any] | None:
        stream = self._process.stdout
        assert stream is not None
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            return None
        frame: dict[str, Any] = json.loads(stream.read(length))
        return frame


def _text_of(content: Any) -> str:
    return str(content["value"]) if isinstance(content, dict) else str(content or "")
