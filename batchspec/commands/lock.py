"""`lock`: what the provider's aliases stand for, written down; what is written stays until it is asked to move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from batchspec.commands.pins import names_of
from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import BatchspecError, InvalidInputError
from batchspec.core.model_cards import ModelCard, is_fixed, stands_for
from batchspec.core.model_lock import ModelLock, Pin, pinned
from batchspec.core.spec import Spec


class Standing(StrEnum):
    """How an alias stands with the lock. The words are those of `lock --json`."""

    ADDED = "added"
    MOVED = "moved"
    KEPT = "kept"
    DRIFTED = "drifted"
    MISSING = "missing"
    UNPINNED = "unpinned"

    @property
    def fails(self) -> bool:
        """Whether `--check` must not pass over it."""
        return self in {Standing.MISSING, Standing.DRIFTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedAlias:
    """An alias that specs use. `model` is its pin now, `before` the one that it had; `specs` name it.

    `now` is what the alias stands for at the provider, where that was asked; `unknown` why that cannot be told.
    `recorded` counts requests, answered or in flight, that were sent under what it was before: under the pin that is
    moved, or under the alias itself.
    """

    asked: str
    standing: Standing
    specs: tuple[str, ...]
    model: str | None = None
    before: str | None = None
    now: str | None = None
    unknown: str = ""
    deprecation: str | None = None
    replacement: str | None = None
    recorded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What became of the lock, or would be said of it: every alias in use, in the order of their names.

    `asked_provider` is whether drift could be seen.
    """

    lock: ModelLock
    aliases: tuple[LockedAlias, ...]
    changed: bool
    asked_provider: bool = True

    @property
    def holds(self) -> bool:
        """Whether the lock covers every alias and none has drifted."""
        return not any(each.standing.fails for each in self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What to do: `upgrade` also moves pins, `check` changes nothing; `names` are the aliases to look at, or all."""

    upgrade: bool = False
    check: bool = False
    names: tuple[str, ...] = ()


Recorded = Callable[[str], int]
"""How many requests, answered or in flight, were sent to a model of this name."""


def relock(
    specs: Sequence[Spec],
    lock: ModelLock,
    cards: Sequence[ModelCard] | None,
    options: LockOptions,
    recorded: Recorded,
) -> Locked:
    """Return the lock as it is to be for these specs, which are as they are written, without pins.

    `cards` are None where the provider was not asked, which only a check can do without. Raises InvalidInputError for
    a name that no spec uses, and where two models of a spec would become one; BatchspecError where no model is listed.
    """
    if cards is not None and not cards:
        hint = "look at what this key may use, and at MISTRAL_BASE_URL"
        raise BatchspecError("the provider lists no models, so that no alias can be told", hint=hint)
    asking = {name: users for name, users in names_of(specs).items() if not is_fixed(name)}
    _refuse_unknown(options.names, asking)
    pins, unpinned = dict(lock.pins), set(lock.unpinned)
    aliases = []
    for name in sorted(options.names or asking):
        each = _alias(name, asking[name], lock, cards, options, recorded)
        aliases.append(each)
        if options.check or each.standing not in {Standing.ADDED, Standing.MOVED, Standing.UNPINNED}:
            continue
        unpinned.discard(name)
        if each.model is None:
            unpinned.add(name)
        else:
            pins[name] = Pin(each.model, each.deprecation, each.replacement)
    new = ModelLock(pins=pins, unpinned=frozenset(unpinned))
    for spec in specs:
        pinned(spec, new)
    return Locked(lock=new, aliases=tuple(aliases), changed=new != lock, asked_provider=cards is not None)


def _alias(
    name: str,
    users: tuple[str, ...],
    lock: ModelLock,
    cards: Sequence[ModelCard] | None,
    options: LockOptions,
    recorded: Recorded,
) -> LockedAlias:
    pin = lock.pins.get(name)
    before = None if pin is None else pin.model
    known = pin is not None or name in lock.unpinned
    if cards is None:
        standing = Standing.MISSING if not known else Standing.KEPT if pin is not None else Standing.UNPINNED
        return _told(name, users, standing, pin, before)
    now = stands_for(name, cards)
    fresh = None if now.model is None else Pin(now.model, now.deprecation, now.replacement)
    moves = fresh is not None and fresh.model != before
    if fresh is None and pin is None:
        standing = Standing.MISSING if options.check and not known else Standing.UNPINNED
        return _told(name, users, standing, None, None, unknown=now.unknown)
    if options.check or (known and not options.upgrade):
        standing = Standing.KEPT if not moves else Standing.DRIFTED if known else Standing.MISSING
        return _told(name, users, standing, pin, before, now=now.model, unknown=now.unknown)
    if fresh is None or fresh == pin:
        return _told(name, users, Standing.KEPT, pin, before, now=now.model, unknown=now.unknown)
    if not moves:
        # The same model, of which the provider tells something new.
        return _told(name, users, Standing.MOVED, fresh, before, now=now.model)
    standing = Standing.MOVED if known else Standing.ADDED
    return _told(name, users, standing, fresh, before, now=now.model, recorded=recorded(before or name))


def _told(
    name: str,
    users: tuple[str, ...],
    standing: Standing,
    pin: Pin | None,
    before: str | None,
    *,
    now: str | None = None,
    unknown: str = "",
    recorded: int = 0,
) -> LockedAlias:
    return LockedAlias(
        asked=name,
        standing=standing,
        specs=users,
        model=None if pin is None else pin.model,
        before=before,
        now=now,
        unknown=unknown,
        deprecation=None if pin is None else pin.deprecation,
        replacement=None if pin is None else pin.replacement,
        recorded=recorded,
    )


def _refuse_unknown(names: Iterable[str], asking: Mapping[str, object]) -> None:
    for name in names:
        if is_fixed(name):
            raise InvalidInputError(f"`{name}` stands for itself", hint="name an alias, such as mistral-small-latest")
        if name not in asking:
            raise InvalidInputError(f"no spec of this project uses `{name}`", hint=did_you_mean(name, asking))
