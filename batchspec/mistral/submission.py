"""Creating a batch job: one POST, sent once, and an exact account of what is known about it afterwards.

There is no idempotency key anywhere in the API, so nothing in here may ever be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.core.errors import BatchspecError, ProviderError, ProviderRefusedError, SubmissionUnknownError
from batchspec.core.model import BatchJob, JobRequest
from batchspec.mistral.exchange import Answer, Call, ExchangeFailedError
from batchspec.mistral.faults import Fault
from batchspec.mistral.transport import Transport
from batchspec.mistral.wire import parse_json, read_job, write_job_request

_RUN_AGAIN = "run again: the job is looked for before anything is sent a second time"


def create_job(transport: Transport, request: JobRequest) -> BatchJob:
    """Create a job with exactly one POST.

    Raises AccessError or ProviderRefusedError for a definite refusal (any 4xx but 408, which says only that somebody
    gave up waiting); ProviderUnavailableError where not a byte of the job was handed to a connection;
    SubmissionUnknownError for everything else.
    """
    body = _WitnessedBody(write_job_request(request))
    call = Call(
        doing="create the batch job",
        method="POST",
        path="/v1/batch/jobs",
        body=body,
        content_type="application/json",
    )
    cause: Answer | Fault
    try:
        cause = transport.send_once(call)
    except ExchangeFailedError as failed:
        cause = failed.fault
    if isinstance(cause, Fault):
        raise _no_answer(transport, call, cause, handed_over=body.handed_over)
    if cause.ok:
        return _created(transport, call, cause)
    if 400 <= cause.status < 500 and cause.status != 408:
        raise _refused(transport, call, cause)
    raise _unknown(transport.failed(call, cause))


class _WitnessedBody:
    """Knows whether the connection has asked for it: until then it was being made, and nothing of the job was sent."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.handed_over = False

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self.handed_over = True
        yield self._content


def _created(transport: Transport, call: Call, answer: Answer) -> BatchJob:
    try:
        return read_job(parse_json(answer.body))
    except ProviderError as error:
        unreadable = error
    unknown = _unknown(transport.failed(call, answer))
    unknown.why = f"{unreadable.summary}; {unknown.why}" if unknown.why else unreadable.summary
    raise unknown


def _no_answer(transport: Transport, call: Call, fault: Fault, *, handed_over: bool) -> ProviderError:
    error = transport.unavailable(call, fault)
    if handed_over:
        return _unknown(error)
    error.why = "nothing was sent"
    return error


def _refused(transport: Transport, call: Call, answer: Answer) -> BatchspecError:
    error = transport.refused(call, answer)
    wait = transport.retry_after(answer)
    if isinstance(error, ProviderRefusedError) and answer.status == 429 and wait is not None:
        error.hint = f"{error.hint}; the provider asks to wait {wait:.0f} s"
    return error


def _unknown(error: ProviderError) -> SubmissionUnknownError:
    return SubmissionUnknownError(
        f"the batch job may or may not exist: {error.summary}",
        status=error.status,
        request_id=error.request_id,
        why=error.why,
        hint=_RUN_AGAIN,
    )
