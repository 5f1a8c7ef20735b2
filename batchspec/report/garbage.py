"""What `gc` has found and removed, as text and as a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from batchspec.commands.gc import Garbage, Removed
from batchspec.core.garbage import StateSize
from batchspec.core.spending import usd
from batchspec.report.costs import dollars
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural, size, table


def garbage_text(found: Garbage, style: Style, relative: Callable[[str], str]) -> str:
    """Return tables of what may go, and what its loss means."""
    parts = [*_answers(found, style), *_left(found, style, relative), *_remote(found, style)]
    if found.shrinks and found.state is not None and not found.answers:
        free = f"{size(found.state.free)} of {size(found.state.total)} hold nothing"
        parts.append(f"{style('the state', 'bold')}: {free}; its file is written again without")
    if not found:
        parts.append("nothing is to be removed")
    return "\n\n".join(parts)


def _answers(found: Garbage, style: Style) -> Iterator[str]:
    if found.answers:
        rows = [("spec", "model", "requests", "answers", "size", "to have them again")]
        for each, cost in found.answers:
            row = (safe(each.spec), safe(each.model), f"{each.requests:,}", f"{each.used.answers:,}", size(each.size))
            rows.append((*row, _cost(cost)))
        lines = [style("recorded answers that no spec declares", "bold"), table(rows, style)]
        lines.append(f"{style('!', 'yellow')} {_meaning(found)}")
        if found.variables:
            names = ", ".join(map(safe, found.variables))
            lines.append(f"  specs with variables count with the values of this run and of the last apply: {names}")
        yield "\n".join(lines)
    if found.unknown:
        yield "\n".join(
            f"kept: all of {safe(name)}, of which {plural(count, 'row')} cannot go on yet: what those are going to"
            " declare is not known"
            for name, count in found.unknown.items()
        )


def _meaning(found: Garbage) -> str:
    """Say what it means to remove these answers."""
    cost = found.cost_usd
    told = "" if cost is None else f", by what they have used and the prices of {found.prices_as_of}"
    back = (
        "Their files at the provider are to go too, so that nothing brings them back."
        if found.remote.files
        else "As long as the provider keeps the jobs' files, `batchspec state rebuild` brings them back."
    )
    return (
        "Where one of them is declared again, by a row that returns or an older commit, it is sent again: sending them"
        f" all would cost {_cost(cost, 'an amount that is not known')}{told}. {back}"
    )


def _cost(cost: Decimal | None, unknown: str = "not known") -> str:
    return unknown if cost is None else dollars(cost)


def _left(found: Garbage, style: Style, relative: Callable[[str], str]) -> Iterator[str]:
    if found.left:
        rows = [("left behind here", "what", "size")]
        rows += [(relative(each.path), each.kind, size(each.size)) for each in found.left]
        yield table(rows, style)


def _remote(found: Garbage, style: Style) -> Iterator[str]:
    remote = found.remote
    if remote:
        rows = [("at the provider", "what", "job", "size")]
        rows += [
            (safe(each.id), each.kind, safe(each.job), "-" if each.size is None else size(each.size))
            for each in remote.files
        ]
        rows += [(safe(job), "job", safe(job), "-") for job in remote.jobs]
        yield table(rows, style)
    if remote.foreign:
        count = plural(len(remote.foreign), "job")
        yield f"kept: the files of {count} that this project has adopted and not made"


def question(found: Garbage) -> str:
    """Return what is asked before anything is removed."""
    parts = []
    if found.requests:
        parts.append(f"the answers of {plural(found.requests, 'request')}")
    if found.left:
        parts.append(f"{plural(len(found.left), 'file')} here")
    if found.remote.files:
        parts.append(f"{plural(len(found.remote.files), 'file')} at the provider")
    if found.remote.jobs:
        parts.append(f"{plural(len(found.remote.jobs), 'job')} at the provider")
    return f"remove {', '.join(parts)} for good" if parts else "shrink the state's file"


def removed_text(removed: Removed) -> str:
    """Return what was removed."""
    remote = removed.remote
    here = f"removed the answers of {plural(removed.requests, 'request')} and {plural(removed.files, 'file')} here"
    there = f"deleted {plural(remote.files, 'file')} and {plural(remote.jobs, 'job')} at the provider"
    missing = f"; {remote.missing:,} were not there any more" if remote.missing else ""
    lines = [f"{here}; {there}{missing}"]
    if removed.state is not None:
        lines.append(f"the state is {size(removed.state.total)} now")
    return "\n".join([*lines, *removed.notes])


def garbage_document(found: Garbage, removed: Removed | None, relative: Callable[[str], str]) -> Document:
    """Return the document of `gc --json`; `removed` is None where nothing was to be removed, by --dry-run."""
    return {
        "format_version": FORMAT_VERSION,
        "results": [
            {
                "spec": each.spec,
                "model": each.model,
                "endpoint": each.endpoint,
                "requests": each.requests,
                "answers": each.used.answers,
                "bytes": each.size,
                "cost_usd": usd(cost),
            }
            for each, cost in found.answers
        ],
        "kept": [{"spec": name, "rows": rows} for name, rows in found.unknown.items()],
        "cost_usd": usd(found.cost_usd),
        "files": [{"path": relative(each.path), "kind": each.kind, "bytes": each.size} for each in found.left],
        "remote": {
            "files": [
                {"id": each.id, "kind": each.kind, "job": each.job, "bytes": each.size} for each in found.remote.files
            ],
            "jobs": list(found.remote.jobs),
            "foreign_jobs": list(found.remote.foreign),
        },
        "state": _size(found.state),
        "removed": None
        if removed is None
        else {
            "requests": removed.requests,
            "files": removed.files,
            "remote_files": removed.remote.files,
            "remote_jobs": removed.remote.jobs,
            "missing": removed.remote.missing,
            "state": _size(removed.state),
            "notes": list(removed.notes),
        },
    }


def _size(told: StateSize | None) -> Document | None:
    return None if told is None else {"bytes": told.total, "free_bytes": told.free}
