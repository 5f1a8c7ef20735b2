"""Variables: what a spec declares under `vars`, and what is given for a run in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchspec.core.diagnostics import Diagnostic, Location, Severity, did_you_mean
from batchspec.core.json_text import JsonError, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A variable's value for this run.

    `value` is text where `typed` is false, and is read by the type of what the spec declares. `source` says where it
    comes from. With `must_be_declared`, a name that no spec declares is an error.
    """

    name: str
    value: object
    source: str
    typed: bool = False
    must_be_declared: bool = True


class GivenError(ValueError):
    """A value that is not of the declared one's type."""


def settled(declared: Mapping[str, object], given: Sequence[Given]) -> dict[str, object]:
    """Return a spec's variables, what is given over what is declared; of several the last one counts.

    Raises GivenError.
    """
    values = dict(declared)
    for each in given:
        if each.name in declared:
            values[each.name] = _like(declared[each.name], each)
    return values


def undeclared(given: Iterable[Given], declared: Collection[str]) -> Iterator[Diagnostic]:
    """Yield a finding for each name that is given and that no spec declares."""
    for each in given:
        if each.must_be_declared and each.name not in declared:
            yield Diagnostic(
                severity=Severity.ERROR,
                code="undeclared-variable",
                location=Location(each.source),
                summary=f"no spec declares the variable `{each.name}`",
                detail="a value for a name that nothing reads is more often a slip than meant",
                hint=did_you_mean(each.name, declared) or "declare it under `vars:` in the spec that is to read it",
            )


def _like(declared: object, given: Given) -> object:
    value = given.value if given.typed or isinstance(declared, str) else _read(given, declared)
    if declared is not None and _kind(value) != _kind(declared):
        raise GivenError(f"{given.source} gives `{given.name}` {_kind(value)}; the spec declares {_kind(declared)}")
    return value


def _read(given: Given, declared: object) -> object:
    """Read text as JSON, since the declared value is not text; where nothing is declared but null, text will do."""
    try:
        return parse(str(given.value).encode("utf-8", "replace"))
    except JsonError:
        if declared is None:
            return given.value
        message = f"{given.source} gives `{given.name}` a value that is not {_kind(declared)}, as the spec declares it"
        raise GivenError(message) from None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"
