"""Explores every schedule of a scenario: runs it again and again, each time taking the next combination of choices.

A scenario is a function that asks for each thing that may go one way or another. Nothing else in it may vary from run
to run, so that the same answers lead to the same questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Choices:
    """The answers of one run: first those that were prescribed, then always the first."""

    prescribed: list[int]
    taken: list[tuple[int, int]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def pick(self, what: str, ways: tuple[str, ...]) -> str:
        """Return one of the ways. The first is the undisturbed one."""
        if len(ways) == 1:
            return ways[0]
        at = len(self.taken)
        chosen = self.prescribed[at] if at < len(self.prescribed) else 0
        self.taken.append((chosen, len(ways)))
        if chosen:
            self.told.append(f"{what}: {ways[chosen]}")
        return ways[chosen]

    def following(self) -> list[int] | None:
        """Return the answers of the next schedule in depth-first order; None after the last."""
        taken = list(self.taken)
        while taken:
            chosen, of = taken.pop()
            if chosen + 1 < of:
                return [*(answer for answer, _ in taken), chosen + 1]
        return None


def explore(scenario: Callable[[Choices], None]) -> int:
    """Run a scenario in every schedule; return how many there were. What it raises tells its schedule."""
    schedules = 0
    prescribed: list[int] | None = []
    while prescribed is not None:
        choices = Choices(prescribed)
        try:
            scenario(choices)
        except Exception as error:
            error.add_note(f"schedule {schedules}: {'; '.join(choices.told) or 'undisturbed'}")
            raise
        schedules += 1
        prescribed = choices.following()
    return schedules
