"""Selectors: which of the specs at hand a command is about, by name, tag, path and recorded state.

A selector that would have to be guessed at is an error, since what is sent costs money.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from batchspec.core.diagnostics import did_you_mean, nearest
from batchspec.core.errors import InvalidInputError

_MOST_NAMED = 20


class Standing(StrEnum):
    """Where a spec stands by what is recorded; `in-flight` and one of the others may hold at once."""

    NEW = "new"
    """Nothing was ever sent for it."""
    IN_FLIGHT = "in-flight"
    """Some of its requests are claimed, or with a job that is not collected."""
    FAILED = "failed"
    """The last answer to some request of it is a failure."""
    HELD = "held"
    """Some request of it was cancelled before it ran."""
    LOST = "lost"
    """The answer to some request of it is gone at the provider."""
    DONE = "done"
    """Every request that was sent for it has its answer."""


class Kind(StrEnum):
    """What a selector looks at."""

    NAME = "name"
    TAG = "tag"
    PATH = "path"
    STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One pattern. `option` is how it was given, for messages."""

    kind: Kind
    pattern: str
    option: str

    def __str__(self) -> str:
        return f"{self.option} {self.kind}:{self.pattern}"

    def matches(self, spec: Selectable) -> bool | None:
        """Tell whether a spec is meant; None where that cannot be known, as its file cannot be read."""
        if self.kind is Kind.PATH:
            # A folder means all that is in it.
            return _fits(self.pattern.removeprefix("./").rstrip("/"), spec.path, "(?:/.*)?")
        if self.kind is Kind.TAG:
            return None if spec.tags is None else any(_fits(self.pattern, tag) for tag in spec.tags)
        if self.kind is Kind.STATE:
            return None if spec.name is None else self.pattern in spec.standing
        return None if spec.name is None else _fits(self.pattern, spec.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectable:
    """What selectors look at of a spec; None for what its file does not tell, as it cannot be read."""

    path: str
    name: str | None
    tags: tuple[str, ...] | None
    standing: frozenset[Standing] = frozenset()


def read_selectors(texts: Sequence[str], option: str) -> tuple[Selector, ...]:
    """Return selectors as they were given to an option. Raises InvalidInputError."""
    return tuple(_read(text, option) for text in texts)


def selected(
    specs: Sequence[Selectable], include: Sequence[Selector], exclude: Sequence[Selector]
) -> tuple[Selectable, ...]:
    """Return the specs that any of `include` means, all of them without one, but for those that `exclude` means.

    A spec of which it cannot be known stays: what is wrong with its file is told when it is loaded. Raises
    InvalidInputError for a selector that means no spec, and where none is left.
    """
    for selector in (*include, *exclude):
        # That nothing has failed yet is no mistake of whoever leaves out what has.
        harmless = selector in exclude and selector.kind is Kind.STATE
        if not harmless and not any(selector.matches(spec) is not False for spec in specs):
            raise _nothing(selector, specs)
    wanted = [spec for spec in specs if not include or any(each.matches(spec) is not False for each in include)]
    left = tuple(spec for spec in wanted if not any(each.matches(spec) for each in exclude))
    if not left:
        names = _listed(spec.name or spec.path for spec in wanted)
        raise InvalidInputError(
            "no spec is left", why=f"--exclude leaves out all that are selected: {names}", hint="exclude fewer of them"
        )
    return left


def _read(text: str, option: str) -> Selector:
    word, colon, pattern = text.partition(":")
    if not colon:
        word, pattern = Kind.NAME, text
    if word not in set(Kind):
        hint = _meant(word, Kind) or "write name:, tag:, path: or state: before the pattern"
        raise InvalidInputError(f"{option} knows no `{word}:`", why=f"it was given `{text}`", hint=hint)
    if not pattern:
        hint = f"write a pattern, such as `{word}:{'*' if word != Kind.STATE else Standing.FAILED}`"
        raise InvalidInputError(f"{option} was given `{text}`, which has no pattern", hint=hint)
    if word == Kind.STATE and pattern not in set(Standing):
        raise InvalidInputError(f"{option} knows no state `{pattern}`", hint=did_you_mean(pattern, Standing))
    return Selector(kind=Kind(word), pattern=pattern, option=option)


def _nothing(selector: Selector, specs: Sequence[Selectable]) -> InvalidInputError:
    """Say that a selector means no spec, and what there is instead."""
    if selector.kind is Kind.STATE:
        by_state = {each: [spec.name for spec in specs if each in spec.standing and spec.name] for each in Standing}
        told = "; ".join(f"{each}: {_listed(names)}" for each, names in by_state.items() if names)
        return InvalidInputError(
            f"`{selector}` means no spec",
            why=f"by what is recorded there are {told or 'none'}",
            hint="`batchspec status` tells where each spec stands",
        )
    there: Mapping[Kind, list[str]] = {
        Kind.NAME: [spec.name for spec in specs if spec.name is not None],
        Kind.PATH: [spec.path for spec in specs],
        Kind.TAG: [tag for spec in specs for tag in spec.tags or ()],
    }
    found = sorted(set(there[selector.kind]))
    what = {Kind.NAME: "specs", Kind.PATH: "paths", Kind.TAG: "tags"}[selector.kind]
    why = f"the {what} at hand are {_listed(found)}" if found else f"there are no {what}"
    hint = _meant(selector.pattern, found)
    ways = {
        Kind.NAME: "a bare word is a name; `tag:`, `path:` and `state:` select by other things",
        Kind.PATH: "a path is relative to the project's root, and `**` spans folders",
        Kind.TAG: "a spec has the tags that stand under `tags:` in it",
    }
    hint = hint or ways[selector.kind]
    return InvalidInputError(f"`{selector}` means no spec", why=why, hint=hint)


def _meant(word: str, candidates: Iterable[str]) -> str | None:
    found = nearest(word, candidates)
    return f"did you mean `{found}`?" if found else None


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _fits(pattern: str, text: str, more: str = "") -> bool:
    """Match a text by a glob in which `*` stays within a folder and `**` does not; `more` may follow."""
    steps = []
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", pattern):
        steps.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece) or re.escape(piece))
    return re.fullmatch("".join(steps) + more, text) is not None
