"""Calls code from elsewhere: what it prints does not get between the program's own lines, and its words fit in one."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import TypeVar

from batchspec.core.errors import BatchspecError

_MOST_WORDS = 300
_SHORTEST_SECRET = 6
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_T = TypeVar("_T")


class _Dropped(io.TextIOBase):
    """Takes text and keeps none of it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        return len(text)


def called(function: Callable[[], _T]) -> _T:
    """Call a function of a plugin. What it prints is dropped: stdout is for results, and may be one JSON document.

    Only in the main thread: stdout is one for all of them, and two that put their own in place may leave the wrong one.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    with redirect_stdout(_Dropped()):
        return function()


def passes(error: BaseException) -> bool:
    """Tell what passes through code from elsewhere as it is: the program's errors and end, and that of a generator."""
    if isinstance(error, BatchspecError):
        # Those that a plugin has made itself are shown, too.
        told: tuple[object, ...] = (error.summary, error.why or "", error.hint or "")
        return all(isinstance(each, str) for each in told)
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def words(error: BaseException, environ: Mapping[str, str] | None = None) -> str:
    """Return a foreign exception in a line, without what is secret in an environment."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is foreign to its last method
        text = ""
    for name, value in (environ or {}).items():
        if name.upper().endswith(_SECRET_NAMES) and len(value.strip()) >= _SHORTEST_SECRET:
            text = text.replace(value.strip(), "***")
    first = text.strip().partition("\n")[0][:_MOST_WORDS]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
