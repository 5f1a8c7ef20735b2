"""The number that a document is varied by, and the answers of a search that asked the same things of it.

A search asks of its draw no more than which of so many things to take. Whatever gives the same answers leads the same
search to the same end: so an end is remembered by the answers that led to it, and by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

_MASK = 2**64 - 1
_MOST_QUESTIONS = 100
_MOST_KEPT = 20_000

_T = TypeVar("_T")

_Way = tuple[int, ...]
"""How a number comes of the draw: what is added, then a turn to mix it by and what is added to that, and so on."""


class _Question(NamedTuple):
    """Which of `among` things the number is that comes by a `way`."""

    way: _Way
    among: int


class Draw:
    """A number to pick things by, which notes what it is asked. What comes of it notes it in the same place."""

    __slots__ = ("_answers", "_number", "_way")

    def __init__(self, number: int) -> None:
        self._number = number
        self._way: _Way = (0,)
        self._answers: dict[_Question | None, int] = {}

    def __add__(self, more: int) -> Draw:
        return self._other(self._number + more, (*self._way[:-1], self._way[-1] + more))

    def __mod__(self, count: int) -> int:
        """Return which of so many things to take."""
        answer = self._answers[_Question(self._way, count)] = self._number % count
        return answer

    def mixed(self, turn: int) -> Draw:
        """Return itself for the turn 0, and a draw that has nothing to do with it for every other turn."""
        return self if turn == 0 else self._other(_mixed(self._number, turn), (*self._way, turn, 0))

    def whole(self) -> int:
        """Return the number itself: what is made of it is of no other draw."""
        self._answers[None] = self._number
        return self._number

    def _other(self, number: int, way: _Way) -> Draw:
        other = Draw.__new__(Draw)
        other._number, other._way, other._answers = number, way, self._answers
        return other

    @property
    def answers(self) -> list[tuple[_Question, int]] | None:
        """What was asked and answered so far, in order; None where the whole number was asked for."""
        found = [(question, answer) for question, answer in self._answers.items() if question is not None]
        return found if len(found) == len(self._answers) else None


def _mixed(number: int, turn: int) -> int:
    found = (number + turn * 0x9E3779B97F4A7C15) & _MASK
    found = ((found ^ found >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    return found ^ found >> 27


@dataclass(slots=True)
class _Fork(Generic[_T]):
    question: _Question
    ways: dict[int, _Fork[_T] | _End[_T]] = field(default_factory=dict)


class _End(NamedTuple, Generic[_T]):
    value: _T


class Ends(Generic[_T]):
    """The ends that one search has come to, up to a number of them; found again without a search."""

    def __init__(self) -> None:
        self._first: _Fork[_T] | _End[_T] | None = None
        self._kept = 0

    def find(self, number: int) -> _T | None:
        """Return the end that a draw of this number leads to; None where it is not known."""
        at = self._first
        while isinstance(at, _Fork):
            (offset, *rest), among = at.question
            drawn = number + offset
            for turn, more in zip(rest[::2], rest[1::2], strict=True):
                drawn = _mixed(drawn, turn) + more
            at = at.ways.get(drawn % among)
        return None if at is None else at.value

    def keep(self, draw: Draw, value: _T) -> None:
        """Remember the end that the search has come to with this draw."""
        answers = draw.answers
        if answers is None or len(answers) > _MOST_QUESTIONS or self._kept + len(answers) >= _MOST_KEPT:
            return
        self._kept += 1 + len(answers)
        forks: list[_Fork[_T]] = []
        at = self._first
        for question, answer in answers:
            fork = at if isinstance(at, _Fork) else _Fork(question)
            assert fork.question == question, "what is asked follows from the answers so far"
            forks.append(fork)
            at = fork.ways.get(answer)
        end: _Fork[_T] | _End[_T] = _End(value)
        for fork, (_, answer) in zip(reversed(forks), reversed(answers), strict=True):
            fork.ways[answer] = end
            end = fork
        self._first = end
