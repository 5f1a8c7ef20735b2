"""Draws specs over the whole language, and edits of them as somebody makes them from one day to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from bill.specs import ENDPOINTS, TEXT_ENDPOINTS, Drawn, Parts, Values

MODELS = ("mistral-small-latest", "mistral-large-latest", "ministral-8b-latest")
WORDS = ("ship", "two ships", 'a "ship"', "ship, or boat", "{{ ship }}", "bateau à voile", "7", "true")
_LANGUAGES = ("English", "French")
_GREETINGS = ("Say ", "Spell ", "Sing ")
_HEATS = (0, 1, 0.5)
_TONES: tuple[Parts, ...] = (
    (("text", "dry"),),
    (("text", "warm"),),
    (("text", "as a "), ("row", "word")),
)
_MOST_ROWS = 5


class Edits:
    """Draws. No two rows have the same id."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._ids = 0

    def _chance(self, of: int) -> bool:
        return self._draw.randrange(of) == 0

    def _row(self) -> Values:
        self._ids += 1
        draw = self._draw
        return {"id": f"r{self._ids}", "word": draw.choice(WORDS), "n": draw.randint(1, 3), "note": "-"}

    def first(self) -> Drawn:
        """Return a spec with rows of its own."""
        rows = tuple(self._row() for _ in range(self._draw.randint(1, 4)))
        return self._spec("read-out", ENDPOINTS, rows, None)

    def next(self, name: str, up: Drawn) -> Drawn:
        """Return a spec that goes on from another."""
        return self._spec(name, ENDPOINTS if name == "sum-up" else TEXT_ENDPOINTS, (), up)

    def specs(self) -> list[Drawn]:
        """Return one spec, two that begin with the same requests, or up to three that go on from one another."""
        first = self.first()
        if self._chance(5):
            files = tuple((path.replace(first.name, "twin"), parts) for path, parts in first.files)
            return [first, replace(first, name="twin", files=files, exclude=())]
        if first.endpoint not in TEXT_ENDPOINTS or self._chance(3):
            return [first]
        second = self.next("judge", first)
        return [first, second] if self._chance(2) else [first, second, self.next("sum-up", second)]

    def _spec(self, name: str, endpoints: tuple[str, ...], rows: tuple[Values, ...], up: Drawn | None) -> Drawn:
        draw = self._draw
        endpoint = draw.choice(endpoints if self._chance(2) else TEXT_ENDPOINTS[:1])
        spec = Drawn(
            name=name,
            endpoint=endpoint,
            rows=rows,
            up=None if up is None else up.name,
            models=tuple(draw.sample(MODELS, 2 if self._chance(4) else 1)),
            prompt=(("text", draw.choice(_GREETINGS)), ("row", "word")),
            replicates=2 if self._chance(4) else 1,
            # An answer's names are unique in a row only where each stage gives names of its own.
            own_ids=(up is None or up.own_ids) and not self._chance(3),
            form=draw.choice(("csv", "jsonl", "inline")),
            submit=draw.choice(("file", "inline", "auto")),
            per_job=draw.choice((1, 2, 1000)),
            attempts=draw.choice((1, 2, 3)),
        )
        for kind in ("tone", "prompts", "heat", "prompt", "exclude"):
            if self._chance(3):
                spec = self.edit(spec, kind)
        return spec

    def edit(self, spec: Drawn, kind: str) -> Drawn:
        """Return the spec with one edit of a kind in KINDS; the spec itself where the edit is not to be made."""
        edited = _EDITS[kind](self, spec)
        kept = tuple(each for each in edited.exclude if _fits(edited, each))
        edited = replace(edited, exclude=kept)
        if not edited.combinations:
            edited = replace(edited, exclude=())
        # A spec that comes out empty is refused, and one of many bodies takes long.
        sound = edited.up is not None or edited.taken
        return edited if sound and edited.lines_of_a_row <= (6 if edited.up is None else 3) else spec

    def _at(self, spec: Drawn, change: Callable[[Values], Values]) -> Drawn:
        if not spec.rows:
            return spec
        at = self._draw.randrange(len(spec.rows))
        return replace(spec, rows=(*spec.rows[:at], spec.rows[at] | change(spec.rows[at]), *spec.rows[at + 1 :]))

    def _change(self, spec: Drawn) -> Drawn:
        return self._at(spec, lambda _: {"word": self._draw.choice(WORDS)})

    def _note(self, spec: Drawn) -> Drawn:
        return self._at(spec, lambda row: {"note": row["note"] + "-"})

    def _number(self, spec: Drawn) -> Drawn:
        return self._at(spec, lambda _: {"n": self._draw.randint(1, 3)})

    def _add(self, spec: Drawn) -> Drawn:
        if spec.up is not None or len(spec.rows) >= _MOST_ROWS:
            return spec
        at = self._draw.randint(0, len(spec.rows))
        return replace(spec, rows=(*spec.rows[:at], self._row(), *spec.rows[at:]))

    def _remove(self, spec: Drawn) -> Drawn:
        if len(spec.rows) < 2:
            return spec
        at = self._draw.randrange(len(spec.rows))
        return replace(spec, rows=spec.rows[:at] + spec.rows[at + 1 :])

    def _reorder(self, spec: Drawn) -> Drawn:
        return replace(spec, rows=tuple(self._draw.sample(spec.rows, len(spec.rows))))

    def _prompt(self, spec: Drawn) -> Drawn:
        more: list[Parts] = [(), (("text", " in "), ("vars", "lang")), (("text", " no. "), ("row", "n"))]
        more.append((("text", " take "), ("replicate", "")))
        if spec.up is not None:
            more += [(("text", " of "), ("up", "text")), (("text", " of "), ("up", "model"))] * 2
        more += [(("text", ", "), ("matrix", axis)) for axis in spec.axes if axis != "heat"] * 2
        said = (("text", self._draw.choice(_GREETINGS)), ("row", "word"))
        return replace(spec, prompt=said + self._draw.choice(more))

    def _models(self, spec: Drawn) -> Drawn:
        return replace(spec, models=tuple(self._draw.sample(MODELS, self._draw.randint(1, 2))))

    def _tone(self, spec: Drawn) -> Drawn:
        tones = tuple(self._draw.sample(_TONES, self._draw.randint(1, 2)))
        return replace(spec, tones=tones, prompt=_reading(spec.prompt, "tone"))

    def _prompts(self, spec: Drawn) -> Drawn:
        files = tuple(
            (f"prompts/{spec.name}-{name}.md.j2", (("text", self._draw.choice(_GREETINGS)), ("row", "word")))
            for name in self._draw.sample("abc", self._draw.randint(1, 2))
        )
        return replace(spec, files=files, prompt=_reading(spec.prompt, "prompt"))

    def _plain(self, spec: Drawn) -> Drawn:
        prompt = tuple(part for part in spec.prompt if part[0] != "matrix")
        return replace(spec, tones=(), files=(), heats=(), prompt=prompt)

    def _heat(self, spec: Drawn) -> Drawn:
        if spec.endpoint not in TEXT_ENDPOINTS[:2]:
            return spec
        return replace(spec, heats=tuple(self._draw.sample(_HEATS, self._draw.randint(1, 2))))

    def _exclude(self, spec: Drawn) -> Drawn:
        if len(spec.combinations) < 2 or spec.exclude:
            return replace(spec, exclude=())
        chosen = self._draw.choice(spec.combinations)
        return replace(spec, exclude=({name: each.shown for name, each in chosen.items()},))

    def _replicates(self, spec: Drawn) -> Drawn:
        return replace(spec, replicates=self._draw.randint(1, 3))

    def _seeded(self, spec: Drawn) -> Drawn:
        return replace(spec, seeded=not spec.seeded and spec.endpoint in TEXT_ENDPOINTS[:2])

    def _where(self, spec: Drawn) -> Drawn:
        return replace(spec, least=self._draw.randint(0, 2))

    def _limit(self, spec: Drawn) -> Drawn:
        return replace(spec, limit=self._draw.choice((None, 1, 3)))

    def _free(self, spec: Drawn) -> Drawn:
        draw = self._draw
        return replace(
            spec,
            description=draw.choice(("One", "Another")),
            form=draw.choice(("csv", "jsonl", "inline")),
            columns=draw.choice((True, False)),
            folder=draw.choice(("results", "out")),
            metadata=draw.choice(("kitchen", "bakery")),
            tags=draw.choice(((), ("weekly",))),
            hours=draw.choice((12, 24)),
            submit=draw.choice(("file", "inline", "auto")),
            per_job=draw.choice((1, 2, 1000)),
            extended=draw.choice((True, False)),
        )


def _reading(prompt: Parts, axis: str) -> Parts:
    part = ("matrix", axis)
    return prompt if part in prompt else (*prompt, ("text", ", "), part)


def _fits(spec: Drawn, entry: Values) -> bool:
    return entry.keys() == spec.axes.keys() and all(
        value in [each.shown for each in spec.axes[name]] for name, value in entry.items()
    )


_EDITS: Mapping[str, Callable[[Edits, Drawn], Drawn]] = {
    name.removeprefix("_"): getattr(Edits, name)
    for name in (
        "_change", "_note", "_number", "_add", "_remove", "_reorder", "_prompt", "_models", "_tone", "_prompts",
        "_plain", "_heat", "_exclude", "_replicates", "_seeded", "_where", "_limit", "_free",
    )
} | {
    "revision": lambda edits, spec: replace(spec, revision=edits._draw.randint(0, 2)),
    "language": lambda edits, spec: replace(spec, lang=edits._draw.choice(_LANGUAGES)),
    "tokens": lambda edits, spec: replace(spec, most_tokens=edits._draw.choice((50, 60))),
    "attempts": lambda edits, spec: replace(spec, attempts=edits._draw.choice((1, 2, 3))),
}  # fmt: skip

KINDS = tuple(_EDITS)
FREE = ("note", "free", "reorder")
"""Those that cost nothing where every answer is there; but for a `limit`, by which another order takes other rows."""
