"""What was changed of the state by hand, as documents: a job adopted, something forgotten, the whole rebuilt."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.commands.adopt import AdoptedJob
from batchspec.commands.forget import Forgettable
from batchspec.commands.rebuild import Rebuilt
from batchspec.commands.world import Notes
from batchspec.report.documents import FORMAT_VERSION, Document


def adopted_document(adopted: AdoptedJob, notes: Notes) -> Document:
    """Return the document of `state adopt --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "job_id": adopted.job.id,
        "status": adopted.job.status_text,
        "known": adopted.known,
        "requests": adopted.taken,
        "notes": list(notes.lines),
    }


def forgotten_document(forgotten: Forgettable) -> Document:
    """Return the document of `state forget ID --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "requests": forgotten.requests,
        "job_id": None if forgotten.claim is None else forgotten.claim.claim.job_id,
        "digest": None if forgotten.request is None else forgotten.request.digest.hex(),
        "in_flight": forgotten.in_flight,
        "gone": [],
    }


def gone_document(jobs: Sequence[str]) -> Document:
    """Return the document of `state forget --gone --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "requests": 0,
        "job_id": None,
        "digest": None,
        "in_flight": False,
        "gone": list(jobs),
    }


def rebuilt_document(rebuilt: Rebuilt, kept: str | None, unreadable: str | None) -> Document:
    """Return the document of `state rebuild --json`; `kept` is the path of the old state."""
    return {
        "format_version": FORMAT_VERSION,
        "jobs": rebuilt.jobs,
        "in_flight": rebuilt.in_flight,
        "carried": None if rebuilt.carried is None else dict(rebuilt.carried._asdict()),
        "kept": kept,
        "unreadable": unreadable,
        "notes": list(rebuilt.notes.lines),
    }
