"""Candidates for a text, a number, a boolean or null, from the facts that it must comply with; the likeliest first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice, permutations
from string import ascii_lowercase, digits

from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.pattern_texts import blended, looked_for, texts
from batchspec.emulator.answers.schema_fit import is_multiple, matches
from batchspec.emulator.answers.schema_search import Case, Maker

_WORD = "emulated"
_LONGEST = 100_000
_SPAN = 100
_VARIANTS = 1_500
_NEAR = 60
_TURNS = 6
_MOST_PIECES = 6
_MOST_TEXTS = 400
_FORMATS = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "emulated@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-pointer": "/emulated",
    "regex": "emulated",
    "uri": "https://example.org/emulated",
    "uri-reference": "/emulated",
    "url": "https://example.org/emulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def scalars(maker: Maker, kind: str, case: Case, draw: Draw) -> Iterator[object]:
    """Yield candidates of a kind that is no object and no array. Every text tried after a pattern is paid for."""
    if kind == "string":
        yield from _texts(maker, case, draw)
    elif kind == "integer":
        yield from _whole_numbers(case, draw)
    elif kind == "fraction":
        yield from _fractions(case, draw)
    elif kind == "boolean":
        yield draw % 2 == 0
        yield draw % 2 != 0
    elif kind == "null":
        yield None


def _texts(maker: Maker, case: Case, draw: Draw) -> Iterator[str]:
    least, most = case.least("minLength"), case.most("maxLength")
    patterns = [fact.value for fact in case.of("pattern") if isinstance(fact.value, str)]
    others = [fact.value for fact in case.of("notPattern") if isinstance(fact.value, str)]
    yield from (_FORMATS[form] for fact in case.of("format") if (form := str(fact.value)) in _FORMATS)
    if most is not None and most < least:
        return
    made = _words(draw, least, most)
    if patterns:
        sought = chain(_from_patterns(patterns, draw, least, most), _joined(patterns, draw, least, most))
        made = islice(sought, _MOST_TEXTS)
    for text in made:
        maker.spend(len(patterns) + len(others))
        if len(text) < least or (most is not None and len(text) > most):
            continue
        if all(matches(pattern, text) for pattern in patterns) and not any(matches(other, text) for other in others):
            yield text


def _from_patterns(patterns: list[str], draw: Draw, least: int, most: int | None) -> Iterator[str]:
    for turn in range(_TURNS):
        for pattern in patterns:
            yield from texts(pattern, draw.mixed(turn).whole(), least, most)


def _joined(patterns: list[str], draw: Draw, least: int, most: int | None) -> Iterator[str]:
    """Yield texts that hold a piece for each pattern, and for what it looks ahead for."""
    for turn in range(_TURNS):
        near = draw.mixed(turn).whole()
        pieces = [piece for pattern in patterns for piece in looked_for(pattern, near)]
        firsts = [next(texts(pattern, near, at * least, most), "") for at in (1, 0) for pattern in patterns]
        yield from islice(map("".join, permutations(firsts[-len(patterns) :])), _MOST_PIECES**2)
        for one, other in permutations([*firsts, *pieces][:_MOST_PIECES], 2):
            for text in blended(one, other):
                yield text
                if len(text) < least:
                    yield text.ljust(least, text[-1:] or "a")
                    yield text.rjust(least, text[:1] or "a")


def _words(draw: Draw, least: int, most: int | None) -> Iterator[str]:
    """Yield texts that no pattern is asked of: one word, then longer ones, then all kinds of short ones."""
    longest = _LONGEST if most is None else min(most, _LONGEST)
    size = min(max(least, len(_WORD)), longest)
    text = (_WORD + f" {_WORD}" * (size // len(_WORD)))[:size]
    yield text
    for more in range(1, _NEAR):
        if size + more <= longest:
            yield text + f" {more}"[-more:].rjust(more)
    alphabet = ascii_lowercase + digits + "-_ .:A"
    for number in range(_VARIANTS):
        mark = ""
        rest = draw.mixed(number).whole() if number > len(alphabet) else number
        for _ in range(min(size, 4) if number > len(alphabet) else 1):
            rest, at = divmod(rest, len(alphabet))
            mark += alphabet[at]
        yield (text[: max(0, size - len(mark))] + mark)[:size] if size else ""
        if len(mark) >= least and len(mark) <= longest:
            yield mark
    if least == 0:
        yield ""


class _Span:
    """The numbers between the bounds that a case has; open ends are taken for some way off."""

    def __init__(self, case: Case) -> None:
        lows = [*case.numbers("minimum"), *case.numbers("exclusiveMinimum")]
        highs = [*case.numbers("maximum"), *case.numbers("exclusiveMaximum")]
        self.low = max(lows, default=None)
        self.high = min(highs, default=None)
        self.over = self.low in case.numbers("exclusiveMinimum")
        self.under = self.high in case.numbers("exclusiveMaximum")
        steps = [Fraction(repr(step)) for step in case.numbers("multipleOf") if step > 0 and math.isfinite(step)]
        self.step = _common(steps)
        self._steps = case.numbers("multipleOf")
        self._not_steps = case.numbers("notMultipleOf")

    def bounds(self, wide: Fraction) -> tuple[Fraction, Fraction]:
        """Return the least and the greatest number, a span apart where an end is open."""
        if self.low is None and self.high is None:
            return Fraction(0), wide
        if self.low is None:
            return Fraction(self.high or 0) - wide, Fraction(self.high or 0)
        low = Fraction(self.low)
        return low, low + wide if self.high is None else Fraction(self.high)

    def has(self, value: float) -> bool:
        """Tell whether a number is within the bounds, a multiple of what it must be and of nothing else."""
        return (
            (self.low is None or (value > self.low if self.over else value >= self.low))
            and (self.high is None or (value < self.high if self.under else value <= self.high))
            and all(step <= 0 or is_multiple(value, step) for step in self._steps)
            and not any(step > 0 and is_multiple(value, step) for step in self._not_steps)
        )


def _common(steps: list[Fraction]) -> Fraction | None:
    """Return the least number that is a multiple of all steps."""
    found: Fraction | None = None
    for step in steps:
        if found is None:
            found = step
        else:
            top = math.lcm(found.numerator * step.denominator, step.numerator * found.denominator)
            found = Fraction(top, found.denominator * step.denominator)
    return found


def _whole_numbers(case: Case, draw: Draw) -> Iterator[float]:
    span = _Span(case)
    step = Fraction((span.step or Fraction(1)).numerator)
    for value in _multiples(span, step, draw):
        if value.denominator == 1:
            yield from (number for number in _written(int(value)) if span.has(number))


def _written(value: int) -> Iterator[float]:
    """Yield a whole number, one too large for most readers as a float too."""
    yield value
    if abs(value) >= 2**53 and abs(value) < 10**308:
        yield float(value)


def _fractions(case: Case, draw: Draw) -> Iterator[float]:
    span = _Span(case)
    if span.step is not None:
        for value in _multiples(span, span.step, draw):
            number = _float(value)
            if number is not None and not number.is_integer() and span.has(number):
                yield number
        return
    low, high = (_float(bound) for bound in span.bounds(Fraction(_SPAN)))
    if low is None or high is None:
        return
    near = (round(low + (high - low) * (draw.mixed(turn) % 997 + 1) / 1000, 3) for turn in range(_NEAR))
    far = [low / 2 + high / 2, low, high, math.nextafter(low, math.inf), math.nextafter(high, -math.inf)]
    fine = [low / 2 + high / 2 + (high - low) * turn / 4096 for turn in range(-_NEAR, _NEAR)]
    for number in chain(near, far, fine):
        if math.isfinite(number) and not number.is_integer() and span.has(number):
            yield number


def _float(value: Fraction) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _multiples(span: _Span, step: Fraction, draw: Draw) -> Iterator[Fraction]:
    """Yield multiples within the bounds: some way in, as the draw has it, then from both ends."""
    low, high = span.bounds(max(Fraction(_SPAN), step * _SPAN))
    first, last = math.ceil(low / step), math.floor(high / step)
    if last < first:
        return
    count = last - first + 1
    start = draw % count
    nth = chain(
        (start + turn for turn in range(_NEAR)),
        range(_NEAR),
        (count - 1 - turn for turn in range(_NEAR)),
        (draw.mixed(turn) % count for turn in range(1, _NEAR)),
        range(_NEAR, _VARIANTS),
    )
    seen: set[int] = set()
    for turn in islice(nth, 4 * _VARIANTS):
        place = turn % count
        if place not in seen:
            seen.add(place)
            yield (first + place) * step
