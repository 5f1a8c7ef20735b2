"""The provider: Mistral's files and batch jobs, behind the port that the commands know.

Whatever is in here may be repeated; the one call that may not is in `submission`.
"""

from __future__ import annotations

import math
import random as standard_random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from batchspec.core import json_text
from batchspec.core.errors import InvalidInputError, ProviderError
from batchspec.core.model import BatchJob, JobRequest, RemoteFile
from batchspec.core.model_cards import ModelCard
from batchspec.core.ports import Clock, Progress
from batchspec.mistral import submission
from batchspec.mistral.answer_text import clean, is_html, read_error
from batchspec.mistral.base_url import BaseUrl, read_base_url
from batchspec.mistral.download import Download
from batchspec.mistral.exchange import Answer, Call, Timing
from batchspec.mistral.key import ApiKey, read_key
from batchspec.mistral.listing import PAGE_SIZE, every_page
from batchspec.mistral.retry import TRIES, Note, PassingError
from batchspec.mistral.transport import TOTAL_SECONDS, Transport
from batchspec.mistral.upload import UploadBody
from batchspec.mistral.wire import Page, is_identifier, read_file, read_job, read_models, read_outputs, read_page

_UPLOAD_ANSWER_SECONDS = 300.0
"""With purpose `batch` the provider checks every line of the file before it answers."""

_GLANCE_SECONDS = 10.0


class MistralProvider:
    """Fills `core.ports.Provider` over HTTP, and `core.model_cards.ModelCatalogue`.

    `on_wait` is told of waits of calls that have no progress of their own; `random` returns numbers from 0 to 1; a call
    that may be repeated is made so many `tries` at most.
    """

    def __init__(
        self,
        *,
        base_url: BaseUrl,
        key: ApiKey,
        clock: Clock,
        on_wait: Callable[[str], None] | None = None,
        random: Callable[[], float] = standard_random.random,
        timing: Timing | None = None,
        tries: int = TRIES,
    ) -> None:
        self._transport = Transport(base_url, key, clock, random, timing or Timing(), tries)
        self._on_wait: Note = on_wait or _silence

    def __enter__(self) -> MistralProvider:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def clock_ahead(self) -> float | None:
        """Return by how many seconds this machine's clock is ahead of the provider's; None where that was not told."""
        return self._transport.clock_ahead

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        """Upload a file, streaming it; a try that fails is made again from the first byte.

        What is `hashed` comes back with the SHA-256 of the bytes that went out. Raises BatchspecError where the file
        cannot be read, and ProviderRefusedError with `line_errors` where its lines are refused.
        """
        with UploadBody(path, filename, progress, purpose, hashed=hashed) as body:
            call = Call(
                doing=f"upload {filename}",
                method="POST",
                path="/v1/files",
                body=body,
                content_type=body.content_type,
                answer_seconds=_UPLOAD_ANSWER_SECONDS,
            )
            progress.start("upload", total=body.size, unit="bytes")
            try:
                stored = read_file(self._json(call, progress.note))
            finally:
                progress.finish()
            if not body.whole:
                raise ProviderError(f"the provider answered before {filename} was sent whole", hint="run again")
            return replace(stored, sha256=body.sha256)

    def get_file(self, file_id: str) -> RemoteFile | None:
        """Return what the provider knows of a file, or None where the API itself knows none of that id."""
        call = Call(doing=f"look at file {file_id}", method="GET", path=f"/v1/files/{_checked(file_id)}")
        return self._transport.send(call, self._on_wait, lambda answer: self._file_or_none(call, answer))

    def find_files(self, filename: str, purpose: str = "batch") -> Sequence[RemoteFile]:
        """Return the files of exactly this name; the provider's search, which may find more, only narrows."""
        query = (("purpose", purpose), ("search", filename))
        found = every_page(lambda number: self._page("list the files", "/v1/files", query, number), read_file)
        return [file for file in found if file.filename == filename and file.purpose in (None, purpose)]

    def list_files(self) -> Iterator[RemoteFile]:
        """Yield every file of the workspace, every page of them."""
        yield from every_page(lambda number: self._page("list the files", "/v1/files", (), number), read_file)

    def create_job(self, request: JobRequest) -> BatchJob:
        """Create a job with exactly one POST, see `submission.create_job`."""
        return submission.create_job(self._transport, request)

    def get_job(self, job_id: str) -> BatchJob | None:
        """Return the job, or None where the API itself (and not something in its place) knows none of that id."""
        call = Call(doing=f"read job {job_id}", method="GET", path=f"/v1/batch/jobs/{_checked(job_id)}")
        return self._transport.send(call, self._on_wait, lambda answer: self._job_or_none(call, answer))

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        """Yield the jobs created at or after a Unix time, oldest first, every page of them."""
        query: tuple[tuple[str, str], ...] = (("order_by", "created"),)
        earliest = 0
        if created_after is not None:
            earliest = max(0, math.floor(created_after))
            # A second earlier: whether the provider's "after" takes in its own moment is nowhere said.
            query += (("created_after", _rfc3339(max(0, earliest - 1))),)
        for job in every_page(lambda number: self._page("list the jobs", "/v1/batch/jobs", query, number), read_job):
            if job.created_at >= earliest or not job.created_at:
                yield job

    def cancel_job(self, job_id: str) -> BatchJob:
        """Ask the provider to cancel a job and return it as it then is."""
        path = f"/v1/batch/jobs/{_checked(job_id)}/cancel"
        return read_job(self._json(Call(doing=f"cancel job {job_id}", method="POST", path=path), self._on_wait))

    def outputs(self, job_id: str) -> Sequence[bytes]:
        """Return an inline job's answers as result lines, at most 10,000; none where none are given."""
        call = Call(
            doing=f"read the answers of job {job_id}",
            method="GET",
            path=f"/v1/batch/jobs/{_checked(job_id)}",
            query=(("inline", "true"),),
        )
        return [json_text.encode_read(line) for line in read_outputs(self._json(call, self._on_wait))]

    def delete_file(self, file_id: str) -> bool:
        """Delete a file; return whether it was there."""
        return self._delete(f"delete file {file_id}", f"/v1/files/{_checked(file_id)}")

    def delete_job(self, job_id: str) -> bool:
        """Delete a job's record; return whether it was there. What that does to work under way is nowhere said."""
        return self._delete(f"delete job {job_id}", f"/v1/batch/jobs/{_checked(job_id)}")

    def models(self, *, patient: bool = True) -> Sequence[ModelCard]:
        """Return every model that this key may use, as the provider lists it.

        Where the caller is not `patient`, an answer must come at the first try and within ten seconds.
        """
        call = Call(
            doing="list the models",
            method="GET",
            path="/v1/models",
            answer_seconds=None if patient else _GLANCE_SECONDS,
        )
        seconds = TOTAL_SECONDS if patient else 0.0
        return self._transport.send(
            call, self._on_wait, lambda answer: read_models(self._value(call, answer)), total_seconds=seconds
        )

    def _delete(self, doing: str, path: str) -> bool:
        call = Call(doing=doing, method="DELETE", path=path)
        return self._transport.send(call, self._on_wait, lambda answer: self._was_there(call, answer))

    def _was_there(self, call: Call, answer: Answer) -> bool:
        if answer.status == 404 and _is_from_the_api(answer):
            return False
        self._require_ok(call, answer)
        return True

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        """Stream a file's content into `destination`, mode 0600, written whole or not at all; return its bytes.

        Where the provider does not announce a length, a cut cannot be seen here: compare the custom_ids. Raises
        BatchspecError where the disk does not take it.
        """
        call = Call(doing=f"download file {file_id}", method="GET", path=f"/v1/files/{_checked(file_id)}/content")
        with Download(destination, progress, refuse=lambda answer: self._transport.refused(call, answer)) as download:
            # Also of a wait before the first byte: several files may come at once, each in a thread of its own.
            self._transport.send(call, progress.note, lambda answer: self._require_ok(call, answer), take=download.take)
            download.commit()
        return download.size

    def _page(self, doing: str, path: str, query: tuple[tuple[str, str], ...], number: int) -> Page:
        paging = (("page", str(number)), ("page_size", str(PAGE_SIZE)))
        return read_page(self._json(Call(doing=doing, method="GET", path=path, query=query + paging), self._on_wait))

    def _json(self, call: Call, note: Note) -> object:
        return self._transport.send(call, note, lambda answer: self._value(call, answer))

    def _file_or_none(self, call: Call, answer: Answer) -> RemoteFile | None:
        if answer.status == 404 and _is_from_the_api(answer):
            return None
        return read_file(self._value(call, answer))

    def _job_or_none(self, call: Call, answer: Answer) -> BatchJob | None:
        if answer.status == 404 and _is_from_the_api(answer):
            return None
        return read_job(self._value(call, answer))

    def _value(self, call: Call, answer: Answer) -> object:
        """Return a 2xx answer's JSON; text that breaks off is the sign of a cut that HTTP did not notice."""
        self._require_ok(call, answer)
        try:
            return json_text.parse(answer.body)
        except json_text.JsonError:
            error = self._transport.refused(call, answer)
        if isinstance(error, ProviderError) and not is_html(answer.content_type, answer.body):
            raise PassingError(error)
        raise error

    def _require_ok(self, call: Call, answer: Answer) -> None:
        if not answer.ok:
            raise self._transport.refused(call, answer)


def connect(
    environ: Mapping[str, str], clock: Clock, on_wait: Callable[[str], None] | None = None, tries: int = TRIES
) -> MistralProvider:
    """Return the provider that MISTRAL_API_KEY and MISTRAL_BASE_URL of `environ` name; nothing is sent yet.

    Raises AccessError for the key and InvalidInputError for the address.
    """
    base_url = read_base_url(environ)
    return MistralProvider(base_url=base_url, key=read_key(environ), clock=clock, on_wait=on_wait, tries=tries)


def _checked(identifier: str) -> str:
    """Return an id that is safe in a path."""
    if not is_identifier(identifier):
        raise InvalidInputError(
            f"{clean(identifier, 60)!r} is not an id of the provider",
            why="an id is made of letters, digits, `-`, `_`, `.`, `:` and `~`",
            hint="copy the id as `batchspec status` or the provider's console shows it",
        )
    return identifier


def _is_from_the_api(answer: Answer) -> bool:
    """Tell the API's own 404 from that of a wrong address: believing the latter would pay for a job again."""
    if is_html(answer.content_type, answer.body):
        return False
    message = read_error(answer.body).message or ""
    return answer.body.lstrip().startswith(b"{") and "no route matched" not in message.lower()


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _silence(text: str) -> None:
    """Tell nobody."""
