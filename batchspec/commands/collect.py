"""Takes in what an ended job has to give: every line joined by custom_id, and no end before its files are whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from batchspec.commands.fetching import ResultFiles
from batchspec.commands.private_files import private_file
from batchspec.commands.world import Notes, World
from batchspec.core.awaited import Awaited
from batchspec.core.errors import ProviderRefusedError
from batchspec.core.ledger import Claim
from batchspec.core.model import BatchJob, BatchJobStatus, RequestDigest
from batchspec.core.outcomes import Outcome, ResultLine, ResultLineError, read_result_line, without_a_line
from batchspec.core.protocol import counts_as_gone

_READS = 3
# Long enough that a transaction's waits for the disk are few, short enough for memory.
_CHUNK_BYTES = 4 * 1024 * 1024
_LONGEST_QUARANTINED = 1024 * 1024


@dataclass(slots=True)
class _Reading:
    """The result files of a job as fetched once: where they lie, and why what is `gone` will not come.

    `odd` are the lines that fit no request, each with its reason.
    """

    files: list[Path]
    gone: str | None = None
    odd: list[tuple[str, bytes]] = field(default_factory=list)


def collect(
    claim: Claim, job: BatchJob, *, world: World, provider: ResultFiles, notes: Notes, gone: str | None = None
) -> bool:
    """Take in an ended job's answers; tell whether that was done.

    Result files with fewer requests than the job must have answered are fetched again. What their lines say is taken
    in; that a request has none is believed once they have come with the same bytes twice. Such a request gets an
    explicit outcome: lost, where the job (`gone`) or a file of it is no longer at the provider.
    """
    with ExitStack() as cleanup:
        awaited = cleanup.enter_context(world.ledger.awaited(claim.id))
        try:
            reading = _take_in(claim, job, awaited, world, provider, cleanup, gone)
        except _NotYetError as error:
            notes.add(f"job {job.id}: {error}")
            return False
        if reading is None:
            notes.add(f"job {job.id}: its result files came incomplete {_READS} times; run again to try once more")
            return False
        odd = reading.odd
        missing = awaited.missing()
        if missing:
            outcome = without_a_line(job.status, job.errors, reading.gone)
            world.ledger.take_in(claim.id, ((digest, outcome) for digest in missing))
            if reading.gone is not None:
                again = "`batchspec retry --include lost` has them sent, and paid for, again"
                notes.add(f"job {job.id}: {len(missing):,} answers are lost ({reading.gone}); {again}")
        if odd:
            notes.add(f"job {job.id}: {len(odd)} result lines fit no request and were put into quarantine")
        world.ledger.mark_collected(claim.id, world.clock.now(), odd)
        world.checkpoint("collect:after-collected")
    return True


class _NotYetError(Exception):
    """A result file that is not there, though it may only not be there yet."""


def _take_in(
    claim: Claim,
    job: BatchJob,
    awaited: Awaited,
    world: World,
    provider: ResultFiles,
    cleanup: ExitStack,
    gone: str | None,
) -> _Reading | None:
    """Record the answers; return what was read last, or None where it is not to be believed that it was all."""
    # The counters may lag. SUCCESS means that every line was processed; of any other end only they tell.
    succeeded = job.status is BatchJobStatus.SUCCESS
    expected = awaited.count if succeeded else min(job.succeeded_requests + job.failed_requests, awaited.count)
    earlier: set[str] = set()
    for number in range(1, _READS + 1):
        reading = _download(job, world, provider, cleanup)
        reading.gone = reading.gone or gone
        world.checkpoint("collect:before-take-in")
        found = _take_in_all(claim, reading, awaited, number, world)
        world.checkpoint("collect:after-take-in")
        if reading.gone or found >= expected:
            return reading
        came = _fingerprint(reading)
        if came in earlier:
            return reading
        earlier.add(came)
    return None


def _fingerprint(reading: _Reading) -> str:
    state = hashlib.sha256()
    for path in reading.files:
        with path.open("rb") as stream:
            state.update(hashlib.file_digest(stream, "sha256").digest())
    return state.hexdigest()


def _download(job: BatchJob, world: World, provider: ResultFiles, cleanup: ExitStack) -> _Reading:
    files = []
    if not (job.input_files or job.output_file or job.error_file):
        path = world.downloads / f"{job.id}.outputs.jsonl"
        cleanup.callback(path.unlink, missing_ok=True)
        try:
            lines = provider.outputs(job.id)
        except ProviderRefusedError as error:
            return _Reading(files=[], gone=_expired(error, "the list of answers", job, world))
        with private_file(path) as stream:
            stream.writelines(line + b"\n" for line in lines)
        return _Reading(files=[path])
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
        files.append(path)
    if not files and gone is None and (job.succeeded_requests or job.status is BatchJobStatus.SUCCESS):
        gone = _left(job, "it has ended and names no file of its answers", world)
    return _Reading(files=files, gone=gone)


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


def _take_in_all(claim: Claim, reading: _Reading, awaited: Awaited, number: int, world: World) -> int:
    """Record the answers of a reading, by its number, chunk by chunk; return how many requests it has a line for."""
    found = 0
    world.progress.start("collecting", total=awaited.count, unit="requests")
    for lines in _chunks(reading):
        world.stop()
        answers, odd = _sorted_out(lines, awaited, number)
        world.ledger.take_in(claim.id, answers)
        world.progress.advance(len(answers))
        reading.odd += odd
        found += len(answers)
    return found


def _sorted_out(
    lines: Sequence[bytes], awaited: Awaited, number: int
) -> tuple[list[tuple[RequestDigest, Outcome]], list[tuple[str, bytes]]]:
    """Tell what each line is: the first of a request in a reading, repeated, unknown, or no result at all.

    Returns answers, and lines that fit no request, each with its reason.
    """
    read = [_read(line) for line in lines]
    known = awaited.find([each.custom_id for each in read if isinstance(each, ResultLine)])
    answers: list[tuple[int, RequestDigest, Outcome]] = []
    odd: list[tuple[str, bytes]] = []
    for each, line in zip(read, lines, strict=True):
        if isinstance(each, ResultLine):
            custom_id, outcome = each
            request = known.get(custom_id)
            if request is not None and awaited.take(request.line, number):
                answers.append((request.line, request.digest, outcome))
                continue
            reason = f"{'unknown' if request is None else 'repeated'} custom_id {custom_id[:200]}"
        else:
            reason = str(each)
        odd.append((reason, line[:_LONGEST_QUARANTINED]))
    # Recorded in the order of the rows: so they will be asked for again.
    answers.sort(key=itemgetter(0))
    return [(digest, outcome) for _, digest, outcome in answers], odd


def _read(line: bytes) -> ResultLine | ResultLineError:
    try:
        return read_result_line(line)
    except ResultLineError as error:
        return error


def _chunks(reading: _Reading) -> Iterator[list[bytes]]:
    for path in reading.files:
        # A binary file is split at newline bytes alone: JSON text may hold U+2028, which is no end of a line here.
        with path.open("rb") as stream:
            while lines := stream.readlines(_CHUNK_BYTES):
                yield [line for line in lines if not line.isspace()]
