"""Finished lines written behind those of a job's result files, and recorded with them in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from batchspec.emulator.execution import LineResult
from batchspec.emulator.files import FileStore
from batchspec.emulator.jobs import Executed, Job, JobStore, Progress


class Finished(NamedTuple):
    """One finished line: its number in the job from 1, and what came of it."""

    number: int
    result: LineResult


def record(job: Job, finished: Sequence[Finished], place: Progress, *, jobs: JobStore, files: FileStore) -> Job:
    """Write and record finished lines; `place` is the job's progress but for files and counters. Return the job then.

    What is on disk and was never recorded is cut off first: a killed process may have left it.
    """
    done = job.progress
    good: list[bytes] = []
    bad: list[bytes] = []
    executed: list[Executed] = []
    for number, (body, succeeded, written) in finished:
        executed.append(Executed(number, body, succeeded))
        (good if succeeded else bad).append(written)
    progress = replace(
        place,
        output_bytes=append(files.path(job.output_id), done.output_bytes, good),
        output_lines=done.output_lines + _newlines(good),
        error_bytes=append(files.path(job.error_id), done.error_bytes, bad),
        error_lines=done.error_lines + _newlines(bad),
        succeeded=done.succeeded + len(good),
        failed=done.failed + len(bad),
    )
    jobs.advance(job, progress, executed)
    return replace(job, progress=progress)


def append(path: Path, committed: int, pieces: Sequence[bytes]) -> int:
    """Write after what was committed, dropping what was written and never committed; return the size."""
    data = b"".join(pieces)
    if not data and not path.exists():
        return committed
    with path.open("ab") as stream:
        stream.truncate(committed)
        stream.write(data)
    if committed + len(data) == 0:
        path.unlink()
    return committed + len(data)


def _newlines(pieces: Sequence[bytes]) -> int:
    return sum(piece.count(b"\n") for piece in pieces)
