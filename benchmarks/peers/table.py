"""FAULTS.md from the outcomes: who was tried, in which version, and what the provider's ledger says."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.trials import KILLED, ROWS, Faulted, Reruns


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one tool; `reason` says why there are no results."""

    peer: Peer
    version: str
    client: str = "-"
    reason: str = ""
    reruns: Reruns | None = None
    lost: Faulted | None = None
    killed: Faulted | None = None
    waiting: Faulted | None = None
    lost_recovered: Faulted | None = None
    killed_recovered: Faulted | None = None
    waiting_resumed: Faulted | None = None


def page(outcomes: Sequence[Outcome], day: date) -> str:
    """Return the page as Markdown."""
    tried = [outcome for outcome in outcomes if not outcome.reason]
    lost = [row for o in tried for row in _rows(o.peer, o.lost, o.lost_recovered, o.peer.recovery)]
    killed = [row for o in tried for row in _rows(o.peer, o.killed, o.killed_recovered, o.peer.recovery)]
    waiting = [row for o in tried for row in _rows(o.peer, o.waiting, o.waiting_resumed, o.peer.resume)]
    reruns = [
        (
            outcome.peer.name,
            _paid(outcome.reruns.unchanged, outcome.reruns.unchanged_status),
            _paid(outcome.reruns.edited, outcome.reruns.edited_status),
        )
        for outcome in tried
        if outcome.reruns
    ]
    parts = [
        "<!-- Made by `python -m benchmarks.peers.faults`: run it again, do not edit this page. -->",
        "# Two faults, tried on batchspec and on other tools",
        f"{day.isoformat()}, {_MACHINE}. {ROWS} rows, so {ROWS} requests are to be paid. See [README](README.md).",
        "## In short",
        _SHORT_NOTE,
        _table(_SHORT_HEAD, [row for outcome in tried for row in _short(outcome)]),
        '## The answer to "create job" is lost',
        _table(_FAULT_HEAD, lost),
        "## SIGKILL between the job's creation and its record",
        _table(_FAULT_HEAD, killed),
        "## SIGKILL while it waits for the job",
        _table(_FAULT_HEAD, waiting),
        "## The same list again, and one row edited",
        _table(("tool", "paid again, nothing changed", "paid again, one row edited"), reruns),
        "## Who was tried",
        _table(
            ("tool", "version", "client `openai`", "driven by", "what is left to a person after a fault"),
            [(o.peer.name, o.version, o.client, o.peer.driven, o.peer.todo) for o in tried],
        ),
    ]
    if untried := [(outcome.peer.requirement, outcome.reason) for outcome in outcomes if outcome.reason]:
        parts += ["## Who could not be tried", _table(("tool", "reason"), untried)]
    return "\n\n".join(parts) + "\n"


_MACHINE = f"Python {platform.python_version()}, {platform.system()}"
_FAULT_HEAD = ("tool", "the run ends", "then", "jobs", "paid", "paid twice", "rows without an answer")
_SHORT_NOTE = """\
Requests paid twice at the end, of 10: 0 is right; in the last column, requests paid: 1 is right.
A line with steps has these, the tool's own, in place of a rerun."""
_SHORT_HEAD = (
    "tool",
    "version",
    "answer lost",
    "killed at creation",
    "killed while waiting",
    "the same again",
    "one row edited",
)


def _short(outcome: Outcome) -> Iterable[tuple[str, ...]]:
    """Yield a tool's line of the summary, and one for the steps of its own."""
    peer, reruns = outcome.peer, outcome.reruns
    assert reruns is not None
    faults = (outcome.lost, outcome.killed, outcome.waiting)
    paid = (_paid(reruns.unchanged, reruns.unchanged_status), _paid(reruns.edited, reruns.edited_status))
    yield (peer.name, outcome.version, *map(_twice, faults), *paid)
    own = [
        result if result and result.second is not None else None
        for result in (outcome.lost_recovered, outcome.killed_recovered, outcome.waiting_resumed)
    ]
    if any(own):
        steps = peer.recovery or peer.resume
        yield (f"{peer.name}: {steps}", outcome.version, *map(_twice, own), "", "")


def _twice(result: Faulted | None) -> str:
    if result is None:
        return ""
    return str(result.ledger.twice) + (f", {result.missing} rows unanswered" if result.missing else "")


def _rows(peer: Peer, again: Faulted | None, own: Faulted | None, step: str) -> Iterable[tuple[str, ...]]:
    """Yield the lines of one tool: with the same run again, and with the step that the tool has of its own."""
    if again is not None:
        yield (peer.name, *_cells(again, "run again"))
    if own is not None and own.second is not None:
        yield (peer.name, *_cells(own, step))


def _cells(result: Faulted, then: str) -> tuple[str, ...]:
    ends = {0: "well", KILLED: "killed"}.get(result.first, f"with {result.first}")
    if result.second is None:
        then = "-"
    elif result.second:
        then += f", ends with {result.second}"
    ledger = result.ledger
    return (ends, then, str(ledger.jobs), str(ledger.paid), str(ledger.twice), str(result.missing))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _paid(requests: int, status: int) -> str:
    return f"{requests}, ends with {status}" if status else str(requests)
