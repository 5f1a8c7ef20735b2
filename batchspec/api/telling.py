"""What an error has to say, added to it for whoever sees only its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batchspec.core.errors import BatchspecError, InvalidInputError
from batchspec.report.diagnostics import render_diagnostics

_MOST_SHOWN = 50


@contextmanager
def told_whole() -> Iterator[None]:
    """Add to an error on its way out why it is, how to mend it, and every finding."""
    try:
        yield
    except InvalidInputError as error:
        if error.diagnostics:
            error.add_note(render_diagnostics(error.diagnostics, colour=False, limit=_MOST_SHOWN).rstrip())
        _add_rest(error)
        raise
    except BatchspecError as error:
        _add_rest(error)
        raise


def _add_rest(error: BatchspecError) -> None:
    for label, text in (("why", error.why), ("help", error.hint)):
        if text:
            error.add_note(f"{label}: {text}")
