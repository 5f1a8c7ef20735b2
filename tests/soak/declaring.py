"""What is declared while it is tried: a spec as values, its edits, its text, and the requests that it stands for."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from batchspec.core.canonical import body_digest, canonical

PROJECT_ID = "00000000-0000-4000-8000-000000000002"
ENDPOINT = "/v1/chat/completions"
MODELS = ("mistral-small-latest", "mistral-large-latest")

EDITS = (
    "add", "change", "note", "remove", "double", "reorder", "greeting", "spelling", "tokens", "labels", "models",
    "scheme", "submit",
)  # fmt: skip
"""The kinds of edits. A note is in a column that no template reads; a double is a row with another's request."""

_SPELLINGS = ("{{ row.word }}", "{{row.word}}", "{{ row['word'] }}", "{{ row.word | string }}")
_GREETINGS = ("Say", "Spell", "Sing")
_SCHEMES = ("{{ row.id }}", "k-{{ row.id }}")


class Row(NamedTuple):
    """A row of the input: `note` is a column that no template reads."""

    id: str
    word: str
    note: str = ""


class Expected(NamedTuple):
    """A line that the output must have: the row's text stands in its answer, `body` is its request's identity."""

    custom_id: str
    model: str
    prompt: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A spec and its rows."""

    name: str
    rows: tuple[Row, ...]
    models: tuple[str, ...] = MODELS[:1]
    greeting: str = _GREETINGS[0]
    spelling: str = _SPELLINGS[0]
    scheme: str = _SCHEMES[0]
    max_tokens: int = 100
    submit: str = "file"
    per_job: int = 1000
    labels: dict[str, str] = field(default_factory=dict)

    def spec(self, by: int) -> str:
        """Return the YAML; `by` is the number of the command that is to read it, and becomes a label of its jobs."""
        labels = "".join(f"  {key}: {value}\n" for key, value in (self.labels | {"by": f'"{by}"'}).items())
        return (
            f"batchspec: 1\nname: {self.name}\nmodels: [{', '.join(self.models)}]\n"
            f'inputs: {self.name}.csv\ncustom_id: "{self.scheme}"\nprompt: "{self.greeting} {self.spelling}"\n'
            f"body: {{max_tokens: {self.max_tokens}}}\nsubmit: {self.submit}\n"
            f"limits: {{requests_per_job: {self.per_job}}}\nmetadata:\n{labels}"
        )

    def table(self) -> str:
        """Return the input as CSV."""
        return "id,word,note\n" + "".join(f"{row.id},{row.word},{row.note}\n" for row in self.rows)

    def expected(self) -> list[Expected]:
        """Return the lines of the output in order."""
        lines = []
        for row in self.rows:
            prompt = f"{self.greeting} {row.word}"
            body = {"max_tokens": self.max_tokens, "messages": [{"role": "user", "content": prompt}]}
            digest = body_digest(canonical(body))
            custom_id = self.scheme.replace("{{ row.id }}", row.id)
            lines += [Expected(custom_id, model, prompt, digest) for model in self.models]
        return lines


class Edits:
    """Draws edits of a spec. No new id or word is drawn twice; `mark` makes them unlike those of other drawers."""

    def __init__(self, draw: random.Random, most_rows: int, mark: str = "") -> None:
        self._draw = draw
        self._mark = mark
        self._most_rows = most_rows
        self._count = 0
        self.done: dict[str, int] = {}

    def fresh(self, prefix: str = "r") -> str:
        """Return a text that was never returned before."""
        self._count += 1
        return f"{prefix}{self._mark}{self._count}"

    def rows(self, count: int) -> tuple[Row, ...]:
        """Return new rows."""
        return tuple(Row(self.fresh(), f"word {self.fresh('w')}") for _ in range(count))

    def edit(self, spec: Declared, kind: str | None = None) -> Declared:
        """Return the spec with one edit, of this kind or of any."""
        kind = kind or self._draw.choice(EDITS)
        self.done[kind] = self.done.get(kind, 0) + 1
        edited: Declared = getattr(self, f"_{kind}")(spec)
        return edited

    def _add(self, spec: Declared) -> Declared:
        room = self._most_rows - len(spec.rows)
        return replace(spec, rows=spec.rows + self.rows(self._draw.randint(1, 3)) if room > 2 else spec.rows)

    def _with(self, spec: Declared, row: Row, at: int) -> Declared:
        return replace(spec, rows=(*spec.rows[:at], row, *spec.rows[at + 1 :]))

    def _change(self, spec: Declared) -> Declared:
        at = self._draw.randrange(len(spec.rows))
        return self._with(spec, spec.rows[at]._replace(word=f"word {self.fresh('w')}"), at)

    def _note(self, spec: Declared) -> Declared:
        at = self._draw.randrange(len(spec.rows))
        return self._with(spec, spec.rows[at]._replace(note=self.fresh("n")), at)

    def _remove(self, spec: Declared) -> Declared:
        if len(spec.rows) < 3:
            return spec
        at = self._draw.randrange(len(spec.rows))
        return replace(spec, rows=(*spec.rows[:at], *spec.rows[at + 1 :]))

    def _double(self, spec: Declared) -> Declared:
        """Add a row whose request is that of another."""
        if len(spec.rows) >= self._most_rows:
            return spec
        return replace(spec, rows=(*spec.rows, Row(self.fresh(), self._draw.choice(spec.rows).word)))

    def _reorder(self, spec: Declared) -> Declared:
        rows = list(spec.rows)
        self._draw.shuffle(rows)
        return replace(spec, rows=tuple(rows))

    def _greeting(self, spec: Declared) -> Declared:
        return replace(spec, greeting=self._draw.choice(_GREETINGS))

    def _spelling(self, spec: Declared) -> Declared:
        return replace(spec, spelling=self._draw.choice(_SPELLINGS))

    def _tokens(self, spec: Declared) -> Declared:
        return replace(spec, max_tokens=self._draw.choice((100, 101, 102)))

    def _labels(self, spec: Declared) -> Declared:
        return replace(spec, labels={"owner": self._draw.choice(("kitchen", "bakery"))})

    def _models(self, spec: Declared) -> Declared:
        return replace(spec, models=self._draw.choice((MODELS[:1], MODELS[1:], MODELS)))

    def _scheme(self, spec: Declared) -> Declared:
        return replace(spec, scheme=self._draw.choice(_SCHEMES))

    def _submit(self, spec: Declared) -> Declared:
        return replace(spec, submit=self._draw.choice(("file", "inline", "auto")))
