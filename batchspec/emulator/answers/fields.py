"""A body's fields read one by one, and refused by name where they are of another type or out of range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchspec.emulator.answers.errors import AnswerError

Body = Mapping[str, object]


def whole(body: Body, name: str, least: int | None = 0, most: int | None = None) -> int | None:
    """Return a whole number from `least` to `most`, or None where the field is away or null. Raises AnswerError.

    1.0 is a whole number, as JSON Schema has it.
    """
    given = body.get(name)
    if given is None:
        return None
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    within = isinstance(given, int) and (least is None or given >= least) and (most is None or given <= most)
    if isinstance(given, bool) or not isinstance(given, int) or not within:
        up_to = "" if most is None else f" and {most} at most"
        bounds = "" if least is None else f", {least} at least{up_to}"
        raise AnswerError(f"`{name}` must be a whole number{bounds}")
    return given


def number(body: Body, name: str, least: float, most: float, *, above: bool = False) -> float | None:
    """Return a number from `least` (or `above` it) to `most`, or None. Raises AnswerError."""
    given = body.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        raise AnswerError(f"`{name}` must be a number from {least:g} to {most:g}")
    if above and given == least:
        raise AnswerError(f"`{name}` must be greater than {least:g}")
    return given


def flag(body: Body, name: str, *, default: bool = False) -> bool:
    """Return a truth value. Raises AnswerError."""
    given = body.get(name)
    if given is None:
        return default
    if not isinstance(given, bool):
        raise AnswerError(f"`{name}` must be true or false")
    return given


def text(body: Body, name: str) -> str | None:
    """Return a text, or None. Raises AnswerError."""
    given = body.get(name)
    if given is not None and not isinstance(given, str):
        raise AnswerError(f"`{name}` must be a text")
    return given


def members(body: Body, name: str) -> Mapping[str, object] | None:
    """Return an object, or None. Raises AnswerError."""
    given = body.get(name)
    if given is not None and not isinstance(given, dict):
        raise AnswerError(f"`{name}` must be an object")
    return given


def items(body: Body, name: str) -> Sequence[object] | None:
    """Return a list, or None. Raises AnswerError."""
    given = body.get(name)
    if given is not None and not isinstance(given, list):
        raise AnswerError(f"`{name}` must be a list")
    return given


def one_of(body: Body, name: str, allowed: Sequence[str]) -> str | None:
    """Return one of the texts allowed, or None. Raises AnswerError."""
    given = body.get(name)
    if given is not None and (not isinstance(given, str) or given not in allowed):
        raise AnswerError(f"`{name}` must be one of {', '.join(allowed)}")
    return given


def texts(body: Body, name: str) -> list[str]:
    """Return a text, or each text of a list that is not empty, as a list. Raises AnswerError."""
    given = body.get(name)
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise AnswerError(f"`{name}` must be a text, or a list of texts that is not empty")
    found = [item for item in given if isinstance(item, str)]
    if len(found) != len(given):
        raise AnswerError(f"every item of `{name}` must be a text")
    return found


def stops(body: Body) -> list[str]:
    """Return the texts at which an answer is to stop. Raises AnswerError."""
    given = body.get("stop")
    if given is None or given == []:
        return []
    return [stop for stop in texts(body, "stop") if stop]
