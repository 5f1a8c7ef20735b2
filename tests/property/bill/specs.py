"""A spec as values: the YAML and the files that it is written as, and every line that it declares, worked out naively.

Nothing of the program renders, joins or counts here: bodies are put together and hashed by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

Part = tuple[str, str]
"""A piece of a template: literal `text`, or a name within `row`, `vars`, `matrix`, `replicate` or `up`."""

Parts = tuple[Part, ...]
Values = dict[str, Any]

TEXT_ENDPOINTS = ("/v1/chat/completions", "/v1/fim/completions", "/v1/ocr", "/v1/conversations")
"""Those whose emulated answers say what was asked, so that another spec can go on from it."""

ENDPOINTS = (
    *TEXT_ENDPOINTS, "/v1/embeddings", "/v1/moderations", "/v1/chat/moderations", "/v1/classifications",
    "/v1/chat/classifications", "/v1/audio/transcriptions",
)  # fmt: skip


class Key(NamedTuple):
    """What is paid for once: `body` is the SHA-256 of the canonical body."""

    endpoint: str
    model: str
    revision: int
    replicate: int
    body: bytes


class Line(NamedTuple):
    """One line of an output, and the request that it is answered by."""

    row: Values
    custom_id: str
    matrix: Values
    model: str
    replicate: int
    key: Key


class Choice(NamedTuple):
    """A value of the matrix: as the spec writes it, as it names the variant, and what it is made of."""

    written: object
    shown: object
    parts: Parts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A spec. `up` is the spec that it goes on from; `rows` are its own, where it goes on from none.

    `files` are the prompts that stand in the matrix, by path; what stands from `description` on costs nothing.
    """

    name: str
    endpoint: str
    rows: tuple[Values, ...] = ()
    up: str | None = None
    models: tuple[str, ...]
    replicates: int = 1
    revision: int = 0
    lang: str = "English"
    prompt: Parts
    tones: tuple[Parts, ...] = ()
    files: tuple[tuple[str, Parts], ...] = ()
    heats: tuple[float, ...] = ()
    exclude: tuple[Values, ...] = ()
    seeded: bool = False
    most_tokens: int = 50
    least: int = 0
    limit: int | None = None
    attempts: int = 3
    description: str = ""
    form: str = "csv"
    own_ids: bool = True
    columns: bool = False
    folder: str = "results"
    metadata: str = "kitchen"
    tags: tuple[str, ...] = ()
    hours: int = 24
    submit: str = "file"
    per_job: int = 1000
    extended: bool = False

    @property
    def path(self) -> str:
        return f"{self.name}.batchspec.yaml"

    @property
    def output(self) -> str:
        return f"{self.folder}/{self.name}.jsonl"

    @property
    def axes(self) -> dict[str, list[Choice]]:
        """The matrix, but for what is excluded."""
        axes = {
            "tone": [Choice(self.template(each), self.template(each), each) for each in self.tones],
            "prompt": [Choice({"file": path}, path, parts) for path, parts in self.files],
            "heat": [Choice(each, each) for each in self.heats],
        }
        return {name: choices for name, choices in axes.items() if choices}

    @property
    def combinations(self) -> list[dict[str, Choice]]:
        """What is left of the matrix; one of nothing where there is none."""
        named = [dict(zip(self.axes, chosen, strict=True)) for chosen in product(*self.axes.values())]
        return [each for each in named if {name: choice.shown for name, choice in each.items()} not in self.exclude]

    @property
    def taken(self) -> list[Values]:
        """Its own rows, by condition and limit."""
        return [row for row in self.rows if row["n"] >= self.least][: self.limit]

    @property
    def reads_replicate(self) -> bool:
        return self.seeded or any(part == ("replicate", "") for parts in self._texts() for part in parts)

    @property
    def lines_of_a_row(self) -> int:
        return len(self.combinations) * len(self.models) * self.replicates

    def _texts(self) -> Iterator[Parts]:
        yield self.prompt
        yield from self.tones
        yield from (parts for _, parts in self.files)

    @property
    def column(self) -> str:
        """The name by which its answers stand in the rows of who goes on from it."""
        return column_of(self.name)

    def template(self, parts: Parts) -> str:
        """Return parts as a Jinja template."""
        return "".join(_written(part, self.up) for part in parts)

    def lines(self, rows: Iterable[Values]) -> Iterator[Line]:
        """Yield what these rows make, in the order of the output."""
        for row in rows:
            for chosen in self.combinations:
                for model, replicate in self._targets():
                    yield self._line(row, chosen, model, replicate)

    def _targets(self) -> list[tuple[str, int]]:
        # Where a template reads it, each replicate has a body of its own, which then goes to every model.
        samples = range(self.replicates)
        if self.reads_replicate:
            return [(model, sample) for sample in samples for model in self.models]
        return [(model, sample) for model in self.models for sample in samples]

    def _line(self, row: Values, chosen: Mapping[str, Choice], model: str, replicate: int) -> Line:
        scope: Values = {"row": row, "vars": {"lang": self.lang}, "replicate": replicate}
        scope["matrix"] = {
            name: choice.shown if choice.parts is None else self._said(choice.parts, scope)
            for name, choice in chosen.items()
        }
        body = self._body(self._said(self.prompt, scope), scope["matrix"].get("heat"), replicate)
        digest = hashlib.sha256(_canonical(body)).digest()
        custom_id = self._said(self._id_parts(row), scope) if self.own_ids else digest.hex()[:24]
        key = Key(self.endpoint, model, self.revision, replicate, digest)
        return Line(row, custom_id, {name: each.shown for name, each in chosen.items()}, model, replicate, key)

    def _said(self, parts: Parts, scope: Values) -> str:
        return "".join(_value(part, scope, self.up) for part in parts)

    def _body(self, said: object, heat: object, seed: object) -> Values:
        """Return the body; what is a text here may be a template, or what came of it."""
        more: Values = {}
        if self.endpoint in TEXT_ENDPOINTS[:2]:
            more = {"max_tokens": self.most_tokens}
            more |= {} if heat is None else {"temperature": heat}
            more |= {"random_seed": seed} if self.seeded else {}
        if self.endpoint == "/v1/conversations":
            more = {"store": False, "completion_args": {"max_tokens": self.most_tokens}}
        return {**_HOLDERS[self.endpoint](said), **more}

    def _id_parts(self, row: Values) -> Parts:
        if self.up is None:
            return (("row", "id"),)
        names = ["custom_id", "model", "replicate", *(f"matrix.{axis}" for axis in row[column_of(self.up)]["matrix"])]
        return (("row", "id"), *(part for name in names for part in (("text", "/"), ("up", name))))

    def written(self, up: Drawn | None) -> dict[str, str]:
        """Return its files by path; `up` is the spec that it goes on from."""
        keys: Values = {
            "batchspec": 1,
            "name": self.name,
            "description": self.description,
            "endpoint": self.endpoint,
            "models": list(self.models),
            "inputs": self._inputs(),
            "vars": {"lang": self.lang},
            "replicates": self.replicates,
            "revision": self.revision,
            "retry": {"max_attempts": self.attempts},
            "metadata": {"owner": self.metadata},
            "timeout_hours": self.hours,
            "tags": list(self.tags),
            "submit": self.submit,
            "limits": {"requests_per_job": self.per_job},
            "output": {"path": self.output},
            "x-notes": [self.description],
        }
        if self.axes:
            keys["matrix"] = {name: [each.written for each in choices] for name, choices in self.axes.items()}
            if self.exclude:
                keys["matrix"]["exclude"] = [_as_written(each) for each in self.exclude]
        if self.own_ids:
            axes = {} if up is None else up.axes
            example = {} if self.up is None else {column_of(self.up): {"matrix": dict.fromkeys(axes)}}
            plain = self.template(self._id_parts(example))
            keys["custom_id"] = plain.replace(".replicate }}", ".replicate | default(0) }}")
        if self.columns:
            keys["output"]["columns"] = {"said": "{{ text }}"}
        keys |= self._written_body()
        files = {path: self.template(parts) for path, parts in self.files}
        if self.extended:
            moved = {name: keys.pop(name) for name in ("models", "vars", "retry", "body") if name in keys}
            files[f"shared/{self.name}.yaml"] = json.dumps(moved)
            keys["extends"] = f"shared/{self.name}.yaml"
        if self.up is None and self.form != "inline":
            files[f"{self.name}.{self.form}"] = _table(self.rows, self.form)
        return files | {self.path: json.dumps(keys, indent=1)}

    def _written_body(self) -> Values:
        body = self._body(self.template(self.prompt), "{{ matrix.heat }}" if self.heats else None, "{{ replicate }}")
        if self.endpoint == TEXT_ENDPOINTS[0]:
            prompt = body.pop("messages")[0]["content"]
            return {"prompt": prompt, "body": body}
        return {"body": body}

    def _inputs(self) -> object:
        if self.up is not None:
            return {"spec": self.up}
        if self.form == "inline":
            return list(self.taken)
        inputs: Values = {"path": f"{self.name}.{self.form}", "columns": {"n": "integer"}}
        if self.least:
            inputs["where"] = f"row.n >= {self.least}"
        if self.limit is not None:
            inputs["limit"] = self.limit
        return inputs


def column_of(name: str) -> str:
    """Return the column that a spec's answers stand in."""
    return name.replace("-", "_")


_HOLDERS: Mapping[str, Any] = {
    "/v1/chat/completions": lambda said: {"messages": [{"role": "user", "content": said}]},
    "/v1/fim/completions": lambda said: {"prompt": said},
    "/v1/ocr": lambda said: {"document": {"type": "document_url", "document_url": f"https://example.com/{said}"}},
    "/v1/conversations": lambda said: {"inputs": said},
    "/v1/embeddings": lambda said: {"input": said},
    "/v1/moderations": lambda said: {"input": said},
    "/v1/chat/moderations": lambda said: {"input": [{"role": "user", "content": said}]},
    "/v1/classifications": lambda said: {"input": said},
    "/v1/chat/classifications": lambda said: {"input": {"messages": [{"role": "user", "content": said}]}},
    "/v1/audio/transcriptions": lambda said: {"file_url": f"https://example.com/{said}"},
}


def _written(part: Part, up: str | None) -> str:
    kind, name = part
    if kind == "text":
        return name
    if kind == "replicate":
        return "{{ replicate }}"
    return f"{{{{ row.{column_of(up or '')}.{name} }}}}" if kind == "up" else f"{{{{ {kind}.{name} }}}}"


def _value(part: Part, scope: Values, up: str | None) -> str:
    kind, name = part
    if kind == "text":
        return name
    if kind == "replicate":
        return str(scope["replicate"])
    found: Any = scope["row"][column_of(up or "")] if kind == "up" else scope[kind]
    for step in name.split("."):
        found = found[step]
    return str(found)


def _canonical(body: Values) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _as_written(shown: Values) -> Values:
    return {name: {"file": value} if name == "prompt" else value for name, value in shown.items()}


def _table(rows: Iterable[Values], form: str) -> str:
    if form == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, ["id", "word", "n", "note"])
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
