"""Takes in what an ended job has to give: both files, checked as wholes, joined by custom_id, never half."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from batchspec.commands.world import Notes, World
from batchspec.core.errors import ProviderRefusedError
from batchspec.core.ledger import Claim
from batchspec.core.model import BatchJob, BatchJobStatus, RequestDigest
from batchspec.core.outcomes import Outcome, ResultLineError, read_result_line, without_a_line
from batchspec.core.ports import Provider
from batchspec.core.protocol import counts_as_gone

_READS = 3
_CHUNK = 5_000
_LONGEST_QUARANTINED = 1024 * 1024


@dataclass(slots=True)
class _Reading:
    """The result files of a job as read once through: where they lie, and what stands in them."""

    files: list[Path]
    fingerprint: str
    gone: str | None = None
    seen: set[str] = field(default_factory=set)
    odd: list[tuple[str, bytes]] = field(default_factory=list)


def collect(
    claim: Claim, job: BatchJob, *, world: World, provider: Provider, notes: Notes, gone: str | None = None
) -> bool:
    """Take in an ended job's answers; tell whether that was done.

    Result files with fewer requests than the job must have answered are fetched again; they are believed once they
    have come with the same bytes twice. Requests without a line get an explicit outcome: lost, where the job (`gone`)
    or a file of it is no longer at the provider.
    """
    lines = list(world.ledger.claim_lines(claim.id))
    digests = {line.custom_id: line.digest for line in lines}
    with ExitStack() as cleanup:
        try:
            reading = _read_whole(job, digests, world, provider, cleanup, gone)
        except _NotYetError as error:
            notes.add(f"job {job.id}: {error}")
            return False
        if reading is None:
            notes.add(f"job {job.id}: its result files came incomplete {_READS} times; run again to try once more")
            return False
        world.checkpoint("collect:before-take-in")
        world.progress.start("collecting", total=len(digests), unit="requests")
        for chunk in _chunked(_outcomes(reading, digests)):
            world.stop()
            world.ledger.take_in(claim.id, chunk)
            world.progress.advance(len(chunk))
        world.checkpoint("collect:after-take-in")
        # A custom_id that stands on two lines of a foreign file names the last of them alone.
        missing = [
            line.digest
            for line in lines
            if line.custom_id not in reading.seen or digests[line.custom_id] != line.digest
        ]
        if missing:
            outcome = without_a_line(job.status, job.errors, reading.gone)
            world.ledger.take_in(claim.id, [(digest, outcome) for digest in missing])
            if reading.gone is not None:
                again = "`batchspec retry --include lost` has them sent, and paid for, again"
                notes.add(f"job {job.id}: {len(missing):,} answers are lost ({reading.gone}); {again}")
        if reading.odd:
            notes.add(f"job {job.id}: {len(reading.odd)} result lines fit no request and were put into quarantine")
        world.ledger.mark_collected(claim.id, world.clock.now(), reading.odd)
        world.checkpoint("collect:after-collected")
    return True


class _NotYetError(Exception):
    """A result file that is not there, though it may only not be there yet."""


def _read_whole(
    job: BatchJob,
    digests: dict[str, RequestDigest],
    world: World,
    provider: Provider,
    cleanup: ExitStack,
    gone: str | None,
) -> _Reading | None:
    # The counters may lag. SUCCESS means that every line was processed; of any other end only they tell.
    succeeded = job.status is BatchJobStatus.SUCCESS
    expected = len(digests) if succeeded else min(job.succeeded_requests + job.failed_requests, len(digests))
    earlier: set[str] = set()
    for _ in range(_READS):
        reading = _download(job, world, provider, cleanup)
        reading.gone = reading.gone or gone
        _survey(reading, digests)
        if len(reading.seen) >= expected or reading.fingerprint in earlier or reading.gone:
            return reading
        earlier.add(reading.fingerprint)
    return None


def _download(job: BatchJob, world: World, provider: Provider, cleanup: ExitStack) -> _Reading:
    state = hashlib.sha256()
    files = []
    if not (job.input_files or job.output_file or job.error_file):
        path = world.downloads / f"{job.id}.outputs.jsonl"
        cleanup.callback(path.unlink, missing_ok=True)
        try:
            make_private(path)
            path.write_bytes(b"".join(line + b"\n" for line in provider.outputs(job.id)))
        except ProviderRefusedError as error:
            return _Reading(files=[], fingerprint="", gone=_expired(error, "the list of answers", job, world))
        return _Reading(files=[path], fingerprint=hashlib.sha256(path.read_bytes()).hexdigest())
    gone = None
    for kind, file_id in (("output", job.output_file), ("error", job.error_file)):
        if file_id is None:
            continue
        path = world.downloads / f"{job.id}.{kind}.jsonl"
        cleanup.callback(path.unlink, missing_ok=True)
        try:
            provider.download(file_id, path, world.progress)
        except ProviderRefusedError as error:
            gone = _expired(error, f"the {kind} file {file_id}", job, world)
            continue
        with path.open("rb") as stream:
            state.update(hashlib.file_digest(stream, "sha256").digest())
        files.append(path)
    if not files and gone is None and (job.succeeded_requests or job.status is BatchJobStatus.SUCCESS):
        gone = _left(job, "it has ended and names no file of its answers", world)
    return _Reading(files=files, fingerprint=state.hexdigest(), gone=gone)


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone, before anything is written to it."""
    path.touch(mode=0o600)


def _expired(error: ProviderRefusedError, what: str, job: BatchJob, world: World) -> str:
    """Say what of a job is gone. Raises _NotYetError where it may come yet, and `error` for another refusal."""
    if error.status != 404:
        raise error
    return _left(job, f"{what} is no longer at the provider, which keeps files for a limited time", world)


def _left(job: BatchJob, what: str, world: World) -> str:
    """Return `what` of a job that ended long enough ago for it to be believed."""
    if not counts_as_gone(job.completed_at or job.created_at, world.clock.now(), world.settle_seconds):
        raise _NotYetError(f"{what}, or not yet; run again") from None
    return what


def _survey(reading: _Reading, digests: dict[str, RequestDigest]) -> None:
    """Read every line once for what it is: known, repeated, unknown, or no result at all."""
    for line in _lines(reading):
        try:
            custom_id = read_result_line(line).custom_id
        except ResultLineError as error:
            reading.odd.append((str(error), line[:_LONGEST_QUARANTINED]))
            continue
        if custom_id not in digests:
            reading.odd.append((f"unknown custom_id {custom_id[:200]}", line[:_LONGEST_QUARANTINED]))
        elif custom_id in reading.seen:
            reading.odd.append((f"repeated custom_id {custom_id[:200]}", line[:_LONGEST_QUARANTINED]))
        else:
            reading.seen.add(custom_id)


def _outcomes(reading: _Reading, digests: dict[str, RequestDigest]) -> Iterator[tuple[RequestDigest, Outcome]]:
    taken: set[str] = set()
    for line in _lines(reading):
        try:
            custom_id, outcome = read_result_line(line)
        except ResultLineError:
            continue
        if custom_id in digests and custom_id not in taken:
            taken.add(custom_id)
            yield digests[custom_id], outcome


def _lines(reading: _Reading) -> Iterator[bytes]:
    for path in reading.files:
        # A binary file is split at newline bytes alone: JSON text may hold U+2028, which is no end of a line here.
        with path.open("rb") as stream:
            yield from (line for line in stream if line.strip())


def _chunked(outcomes: Iterator[tuple[RequestDigest, Outcome]]) -> Iterator[list[tuple[RequestDigest, Outcome]]]:
    chunk: list[tuple[RequestDigest, Outcome]] = []
    for item in outcomes:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
