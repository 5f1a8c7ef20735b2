"""What the requests of a plan come to in tokens and dollars, before they are sent: counted, sampled, or estimated.

Pure: the same requests give the same figures, in whatever order they come. Counting itself is an adapter's.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from batchspec.core.json_text import parse
from batchspec.core.model import BodyDigest
from batchspec.core.pricing import PriceTable
from batchspec.core.token_estimate import estimate_input
from batchspec.core.usage import BY_TOKENS, Used, most_output

SAMPLE = 400
"""How many requests are counted of a plan that sends more, unless all are to be."""

_SURE = 1.96
"""How many standard errors lie between a sample's figure and either end of its interval of 95%."""

Body = Mapping[str, object]


class Counted(NamedTuple):
    """The tokens of one request, and whether they are those of the model's own tokeniser."""

    tokens: int
    exact: bool


class TokenCounter(Protocol):
    """Counts the tokens of requests."""

    def count(self, endpoint: str, model: str, body: Body) -> Counted | None:
        """Return a request's tokens; None where it holds what cannot be counted."""
        ...


class EstimatingCounter:
    """Counts by the plain rule of `core.token_estimate`. `exact` is for who is billed by that very rule."""

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact

    def count(self, endpoint: str, model: str, body: Body) -> Counted | None:  # noqa: ARG002 - one rule for all
        """Return a request's tokens; None where it holds what no text tells the tokens of."""
        tokens = estimate_input(endpoint, body)
        return None if tokens is None else Counted(tokens, self._exact)


class InputTokens(NamedTuple):
    """The tokens of all requests: the figure, and how far it may be off with 95% confidence (0: all were counted)."""

    tokens: int
    margin: int
    exact: bool

    @property
    def most(self) -> int:
        """The upper end of the interval."""
        return self.tokens + self.margin

    def times(self, count: int) -> InputTokens:
        """Return the tokens of the same requests sent so many times."""
        return InputTokens(self.tokens * count, self.margin * count, self.exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the requests of one variant that are to be sent come to. None is unknown, and never 0.

    `most_output` bounds the tokens of the answers; `expected_output` is what earlier answers to the same spec lead to
    expect. `most_usd` is the cost at the upper end of the input and at that bound, `expected_usd` at the expectation,
    by a price of the day `prices_as_of`.
    """

    requests: int
    input_tokens: InputTokens | None = None
    most_output: int | None = None
    expected_output: int | None = None
    most_usd: Decimal | None = None
    expected_usd: Decimal | None = None
    counted: int = 0
    prices_as_of: str | None = None

    @property
    def priced(self) -> bool:
        """Whether the model has a price."""
        return self.prices_as_of is not None

    @property
    def cost_usd(self) -> Decimal | None:
        """The figure that limits are held against: the bound where there is one, else the expectation."""
        return self.expected_usd if self.most_usd is None else self.most_usd

    @property
    def estimated(self) -> bool:
        """Whether the input was not counted to the last token by the model's own tokeniser."""
        return self.input_tokens is None or not self.input_tokens.exact or self.input_tokens.margin > 0


class _Sampled(NamedTuple):
    order: int
    digest: BodyDigest
    size: int
    tokens: tuple[Counted | None, ...]


_LARGEST = BodyDigest(b"\xff" * 33)
"""Larger than any digest."""


class Sampler:
    """Counts the tokens of requests that several models get: of all of them, or of a sample by their digests.

    The sample is the requests with the smallest digests, so that it depends on what they are and on nothing else.
    Those that are not in it count by their size in bytes, which is known of all.
    """

    __slots__ = ("_bytes", "_counter", "_endpoint", "_heap", "_largest", "_models", "_most", "requests")

    def __init__(self, endpoint: str, models: Sequence[str], counter: TokenCounter, *, most: int | None) -> None:
        self._endpoint = endpoint
        self._models = tuple(models)
        self._counter = counter
        self._most = most
        self._heap: list[_Sampled] = []
        self._largest = _LARGEST
        self.requests = 0
        self._bytes = 0

    def add(self, digests: Sequence[BodyDigest], bodies: Sequence[bytes]) -> None:
        """Take requests in; their tokens are counted now or never, so that no body is kept."""
        self.requests += len(bodies)
        self._bytes += sum(map(len, bodies))
        largest = self._largest
        for digest, body in [pair for pair in zip(digests, bodies, strict=True) if pair[0] < largest]:
            if digest < self._largest:
                self._take(digest, body)

    def _take(self, digest: BodyDigest, body: bytes) -> None:
        item = _Sampled(-int.from_bytes(digest, "big"), digest, len(body), self._count(body))
        if self._most is not None and len(self._heap) >= self._most:
            heapq.heapreplace(self._heap, item)
        else:
            heapq.heappush(self._heap, item)
        if len(self._heap) == self._most:
            self._largest = self._heap[0].digest

    def _count(self, body: bytes) -> tuple[Counted | None, ...]:
        parsed = parse(body)
        assert isinstance(parsed, dict), "a body is an object"
        return tuple(self._counter.count(self._endpoint, model, parsed) for model in self._models)

    @property
    def counted(self) -> int:
        """How many requests were counted for the figure."""
        return len(self._heap)

    def input(self, model: str) -> InputTokens | None:
        """Return the tokens of all requests for a model; None where one of those counted cannot be."""
        at = self._models.index(model)
        sample = [(each.size, each.tokens[at]) for each in self._heap]
        counts = [counted for _, counted in sample if counted is not None]
        if len(counts) < len(sample):
            return None
        exact = all(counted.exact for counted in counts)
        if len(counts) == self.requests:
            return InputTokens(sum(counted.tokens for counted in counts), 0, exact)
        pairs = [(float(size), float(counted.tokens)) for size, counted in sample if counted is not None]
        tokens, margin = _projected(pairs, self.requests, self._bytes)
        return InputTokens(tokens, margin, exact)


def _projected(sample: Sequence[tuple[float, float]], population: int, size: int) -> tuple[int, int]:
    """Return the sum over a population by regression on size, and half the width of its interval of 95%."""
    count = len(sample)
    mean_size = math.fsum(each for each, _ in sample) / count
    mean = math.fsum(tokens for _, tokens in sample) / count
    spread = math.fsum((each - mean_size) ** 2 for each, _ in sample)
    slope = math.fsum((each - mean_size) * (tokens - mean) for each, tokens in sample) / spread if spread else 0.0
    figure = population * (mean + slope * (size / population - mean_size))
    rest = math.fsum((tokens - mean - slope * (each - mean_size)) ** 2 for each, tokens in sample)
    variance = rest / max(1, count - 2) * (1 - count / population) / count
    return max(0, round(figure)), math.ceil(_SURE * population * math.sqrt(variance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """How costs are told: by which prices and counts, of a sample or of all requests."""

    prices: PriceTable
    counter: TokenCounter
    exact: bool = False

    def meter(self, endpoint: str, body: Body) -> Meter:
        """Return a meter for the requests of a spec; `body` is as declared, templates and all."""
        return Meter(self, endpoint, body)


Sends = frozenset[tuple[str, int]]
"""The models that a body goes to, each with how many times it does."""


class Meter:
    """Takes in the bodies of one spec that are to be sent, and tells what they come to for each model."""

    def __init__(self, costing: Costing, endpoint: str, body: Body) -> None:
        self._costing = costing
        self._endpoint = endpoint
        self._metered = endpoint in BY_TOKENS
        # Where the bound is written down, and not made by a template, it is the same for every row.
        self._declared = most_output(endpoint, body)
        self._samplers: dict[Sends, Sampler] = {}
        self._bounds: dict[Sends, int | None] = {}

    def add(self, digests: Sequence[BodyDigest], bodies: Sequence[bytes], sends: Sends) -> None:
        """Take in bodies that are to be sent so."""
        if not self._metered:
            return
        sampler = self._samplers.get(sends)
        if sampler is None:
            most = None if self._costing.exact else SAMPLE
            models = sorted(model for model, _ in sends)
            sampler = Sampler(self._endpoint, models, self._costing.counter, most=most)
            self._samplers[sends] = sampler
        sampler.add(digests, bodies)
        if self._declared is None:
            for body in bodies:
                before = self._bounds.get(sends, 0)
                own = None if before is None else _most_of(self._endpoint, body)
                self._bounds[sends] = None if before is None or own is None else before + own

    def _bound(self, group: Sends) -> int | None:
        return self._bounds[group] if self._declared is None else self._declared * self._samplers[group].requests

    def finish(self, model: str, requests: int, past: Used | None) -> Estimate:
        """Return what a model's requests come to; `past` is what earlier answers of the same spec have used."""
        price = self._costing.prices.price(model)
        groups = {group: times for group in self._samplers for each, times in group if each == model}
        inputs = [(self._samplers[group].input(model), times) for group, times in groups.items()]
        known = [each.times(times) for each, times in inputs if each is not None]
        counted = sum(self._samplers[group].counted for group in groups)
        answered = 0 if past is None else past.answers - past.unmetered
        # What cannot be counted beforehand may still be told by what earlier answers were charged for.
        mean = None if past is None or not answered else past
        tokens = _sum_inputs(known) if known and len(known) == len(inputs) else None
        bounds = [(self._bound(group), times) for group, times in groups.items()]
        told = [each * times for each, times in bounds if each is not None]
        most = sum(told) if told and len(told) == len(bounds) else None
        expected = None if mean is None else math.ceil(mean.output_tokens * requests / answered)
        return Estimate(
            requests=requests,
            input_tokens=tokens,
            most_output=most,
            expected_output=expected if most is None or expected is None else min(expected, most),
            most_usd=self._cost(model, tokens and tokens.most, most),
            expected_usd=self._expected(model, requests, tokens, most, mean, answered),
            counted=counted,
            prices_as_of=None if price is None else price.as_of,
        )

    def _cost(self, model: str, tokens: int | None, output: int | None) -> Decimal | None:
        if tokens is None or output is None:
            # Only what is free has a cost that is known then.
            return self._costing.prices.cost(model, Used(unmetered=1))
        return self._costing.prices.cost(model, Used(input_tokens=tokens, output_tokens=output))

    def _expected(
        self, model: str, requests: int, tokens: InputTokens | None, most: int | None, past: Used | None, answered: int
    ) -> Decimal | None:
        if past is None:
            return None
        share = Used(*(math.ceil(amount * requests / answered) for amount in past))
        if tokens is not None:
            output = share.output_tokens if most is None else min(share.output_tokens, most)
            share = share._replace(input_tokens=tokens.tokens, output_tokens=output)
        return self._costing.prices.cost(model, share._replace(answers=requests, unmetered=0))


def _sum_inputs(parts: Sequence[InputTokens]) -> InputTokens:
    """Return several groups together; their errors are independent, so that the margins add up as squares do."""
    margin = math.ceil(math.sqrt(sum(part.margin**2 for part in parts)))
    return InputTokens(sum(part.tokens for part in parts), margin, all(part.exact for part in parts))


def _most_of(endpoint: str, body: bytes) -> int | None:
    parsed = parse(body)
    return most_output(endpoint, parsed) if isinstance(parsed, dict) else None
