"""batchspec: declarative LLM batch jobs, converged to results and never paid for twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchspec.api import AccessError as AccessError
    from batchspec.api import Applied as Applied
    from batchspec.api import BatchspecError as BatchspecError
    from batchspec.api import InvalidInputError as InvalidInputError
    from batchspec.api import LimitError as LimitError
    from batchspec.api import LockedError as LockedError
    from batchspec.api import NotApprovedError as NotApprovedError
    from batchspec.api import Plan as Plan
    from batchspec.api import Project as Project
    from batchspec.api import Results as Results
    from batchspec.api import StaleError as StaleError
    from batchspec.api import Status as Status
    from batchspec.api import load as load

__version__ = "0.1.0"

_API = frozenset(
    {
        "AccessError",
        "Applied",
        "BatchspecError",
        "InvalidInputError",
        "LimitError",
        "LockedError",
        "NotApprovedError",
        "Plan",
        "Project",
        "Results",
        "StaleError",
        "Status",
        "load",
    }
)


def __getattr__(name: str) -> object:
    # The command line reads a version here, and needs nothing of what a notebook does.
    if name in _API:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module("batchspec.api"), name)
    raise AttributeError(f"module `batchspec` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
