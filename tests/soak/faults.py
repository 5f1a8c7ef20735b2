"""What can go wrong on the provider's side, by name: each a piece of the emulator's faults, several of which add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LAG = 0.3
"""Seconds by which lists are behind, and creations late: together less than half of any settle time in use."""

FAULTS: dict[str, dict[str, Any]] = {
    "answer of create lost": {"lose_answers": {"create": 1}},
    "create dropped": {"drop_calls": {"create": 1}},
    "create answers 503": {"fail_calls": {"create": {"status": 503, "count": 1}}},
    "create answers 429": {"fail_calls": {"create": {"status": 429, "count": 2, "retry_after": "0.2"}}},
    "create answers 402": {"fail_calls": {"create": {"status": 402, "count": 1}}},
    "create answers a page": {"html": {"create": 1}},
    "list lags": {"list_lag": LAG},
    "new jobs unknown": {"not_found_after_create": LAG},
    "calls answer 503": {"fail_calls": {"*": {"status": 503, "count": 2}}},
    "calls answer 429": {"fail_calls": {"*": {"status": 429, "count": 2, "retry_after": "0"}}},
    "calls answer 401": {"fail_calls": {"*": {"status": 401, "count": 1}}},
    "list answers 500": {"fail_calls": {"list": {"status": 500, "count": 1}}},
    "calls dropped": {"drop_calls": {"*": 2}},
    "answers lost": {"lose_answers": {"*": 3}},
    "answer of upload lost": {"lose_answers": {"upload": 1}},
    "upload dropped": {"drop_calls": {"upload": 1}},
    "answer of cancel lost": {"lose_answers": {"cancel": 1}},
    "download cut": {"truncate_downloads": 1},
    "download cut at a line": {"truncate_downloads": 1, "truncate_with_length": False},
    "lines missing": {"missing_lines": 0.2},
    "lines doubled": {"doubled_lines": 0.3},
    "lines fail in passing": {"line_error_rate": 0.3, "line_error_status": 503},
    "lines fail for good": {"line_error_rate": 0.3, "line_error_status": 400},
    "status unknown": {"unknown_status": True},
    "job fails half way": {"fail_jobs": 1},
    "calls slow": {"latency": 0.05},
}

LATE = "create late"
"""The creation takes effect after its sender has been told nothing: done by the relay, not by the emulator."""


def together(names: Iterable[str], lag: float = LAG) -> dict[str, Any]:
    """Return these faults as one; of two that are about the same, the later holds. Lists are behind by `lag`."""
    faults: dict[str, Any] = {}
    for name in names:
        for key, value in FAULTS.get(name, {}).items():
            faults[key] = faults.get(key, {}) | value if isinstance(value, dict) else value
            if key == "list_lag":
                faults[key] = lag
    return faults


def unseen(names: Iterable[str], lag: float = LAG) -> float:
    """Return for how many seconds a job can be unseen under these faults, each of which may take `lag`."""
    return sum(lag for name in names if name in {"list lags", LATE})
