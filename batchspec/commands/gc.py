"""`gc`: what no spec wants any more, here and at the provider: found as a whole, shown, and only then removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.remote_files import Deleted, Leftovers, delete_leftovers
from batchspec.commands.wanted import find_wanted
from batchspec.commands.world import World
from batchspec.core.errors import StateError
from batchspec.core.garbage import LeftFile, Reclaiming, StateSize, Unwanted
from batchspec.core.ports import Provider
from batchspec.core.pricing import PriceTable, total

_MUCH = 1024 * 1024
_MUCH_OF_IT = 4


class Answers(NamedTuple):
    """Answers that no spec declares any more, and what they have cost in US dollars; None where that is not known."""

    unwanted: Unwanted
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """All that may go: recorded `answers`, files `left` on this machine, and those at the provider.

    Of the specs in `unknown` nothing is among the answers, since so many rows of theirs wait for another spec's.
    `shrinks` is whether the state's file is written again without what holds nothing. `variables` are of the specs
    that have any: with other values they declare other requests.
    """

    answers: tuple[Answers, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    left: tuple[LeftFile, ...] = ()
    remote: Leftovers = field(default_factory=Leftovers)
    state: StateSize | None = None
    shrinks: bool = False
    variables: tuple[str, ...] = ()
    prices_as_of: str = ""

    def __bool__(self) -> bool:
        return bool(self.answers or self.left or self.remote or self.shrinks)

    @property
    def requests(self) -> int:
        """How many requests lose their answer."""
        return sum(each.unwanted.requests for each in self.answers)

    @property
    def cost_usd(self) -> Decimal | None:
        """What it costs to have every answer again; None where any part of it is not known."""
        return total(each.cost_usd for each in self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What has gone: answers of so many requests, files here, what there was at the provider; the state afterwards."""

    requests: int = 0
    files: int = 0
    remote: Deleted = field(default_factory=Deleted)
    state: StateSize | None = None
    notes: tuple[str, ...] = ()


def find_answers(
    specs: Sequence[LoadedSpec], *, older_than: float, world: World, reclaiming: Reclaiming, prices: PriceTable
) -> Garbage:
    """Return the recorded answers that none of these specs declares.

    They must be all of the project's, in all of their environments. Raises what `find_wanted` does.
    """
    unknown = find_wanted(specs, world=world, reclaiming=reclaiming)
    before = world.clock.now() - older_than
    # Which models there are is known only when the answers are found.
    found = reclaiming.unwanted(before=before, unknown=unknown)
    whole = prices.by_answer(each.model for each in found)
    if whole:
        found = reclaiming.unwanted(before=before, unknown=unknown, whole=whole)
    return Garbage(
        answers=tuple(Answers(each, prices.cost(each.model, each.used)) for each in found),
        unknown=unknown.rows,
        variables=tuple(dict.fromkeys(loaded.spec.name for loaded in specs if loaded.spec.variables)),
        prices_as_of=prices.as_of,
    )


def with_state(found: Garbage, size: StateSize) -> Garbage:
    """Return the garbage with the state's size, and whether much of its file holds nothing."""
    much = size.free >= _MUCH and size.free * _MUCH_OF_IT >= size.total
    return replace(found, state=size, shrinks=bool(found.answers) or much)


def collect_garbage(
    found: Garbage,
    *,
    world: World,
    reclaiming: Reclaiming | None,
    provider: Provider | None,
    remove_file: Callable[[LeftFile], bool],
) -> Removed:
    """Remove what was found, each part by itself: a run that is cut short anywhere leaves the rest to the next one."""
    notes: list[str] = []
    requests = 0
    if found.answers and reclaiming is not None:
        world.checkpoint("gc:before-answers")
        requests = reclaiming.remove()
        world.checkpoint("gc:after-answers")
    files = 0
    for file in found.left:
        world.stop()
        world.checkpoint("gc:before-file")
        files += remove_file(file)
    if files < len(found.left):
        notes.append(f"{len(found.left) - files} of the files here could not be removed; run again")
    remote = Deleted() if provider is None else delete_leftovers(found.remote, world=world, provider=provider)
    if found.shrinks and reclaiming is not None:
        world.stop()
        world.checkpoint("gc:before-shrink")
        try:
            reclaiming.shrink()
        except StateError as error:
            # It needs as much room again for a while; what was removed is removed all the same.
            notes.append(f"the state's file keeps its size for now: {error.summary}")
        world.checkpoint("gc:after-shrink")
    size = None if reclaiming is None else reclaiming.size()
    return Removed(requests=requests, files=files, remote=remote, state=size, notes=tuple(notes))
