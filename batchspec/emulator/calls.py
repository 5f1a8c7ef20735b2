"""The work of each call: from a request to an answer, by way of the stores. No routing, no key, no fault of a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

from werkzeug.wrappers import Request, Response

from batchspec.core.json_text import JsonError, encode, parse
from batchspec.emulator.database import Database
from batchspec.emulator.downloads import FileContent, half_of_lines, is_signed, job_with_outputs, signature
from batchspec.emulator.faults import FaultInjector, Faults
from batchspec.emulator.files import FileStore
from batchspec.emulator.job_requests import read_new_job
from batchspec.emulator.jobs import Job, JobStore
from batchspec.emulator.ledger import summarise
from batchspec.emulator.listing import files_query, flag, jobs_query, whole
from batchspec.emulator.models import ModelShelf
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.refusals import FieldFault, Refusal, no_such, too_large
from batchspec.emulator.uploads import receive
from batchspec.emulator.upstream.translation import NOT_ASKED_FOR

_MOST_JSON_BYTES = 256 * 1024 * 1024
_HOUR = 3600


def as_json(body: object, status: int = 200) -> Response:
    """Return an answer with a JSON body."""
    return Response(encode(body), status=status, mimetype="application/json")


class Calls:
    """Every call by its name: `calls[name](request, **parts of the path)`. All of them raise Refusal."""

    def __init__(
        self,
        *,
        database: Database,
        files: FileStore,
        jobs: JobStore,
        faults: FaultInjector,
        options: EmulatorOptions,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._files = files
        self._jobs = jobs
        self._faults = faults
        self._options = options
        self._wake = wake
        self._secret = database.secret()
        self._shelf = ModelShelf()

    def upload(self, request: Request) -> Response:
        """POST /v1/files."""
        return as_json(receive(request, self._files, self._options.max_file_bytes))

    def list_files(self, request: Request) -> Response:
        """GET /v1/files."""
        return as_json(self._files.page(files_query(request.args)))

    def get_file(self, request: Request, file_id: str) -> Response:  # noqa: ARG002 - every call has a request
        """GET /v1/files/{id}."""
        return as_json(self._files.get(file_id))

    def delete_file(self, request: Request, file_id: str) -> Response:  # noqa: ARG002
        """DELETE /v1/files/{id}."""
        return as_json(self._files.delete(file_id))

    def download(self, request: Request, file_id: str) -> Response:  # noqa: ARG002
        """GET /v1/files/{id}/content."""
        row = self._files.row(file_id)
        path, size = self._files.path(file_id), int(row["bytes"])
        if not self._faults.take_truncation():
            return _content(FileContent(path, size), size)
        if self._faults.current.truncate_with_length:
            return _content(FileContent(path, size // 2, dropped=True), size)
        return _content(FileContent(path, half_of_lines(path, size)), None)

    def file_url(self, request: Request, file_id: str) -> Response:
        """GET /v1/files/{id}/url: a URL that needs no key, for `expiry` hours."""
        hours = whole(request.args, "expiry", 24, 1, 168)
        self._files.row(file_id)
        expires = int(time.time() + hours * self._options.hour_seconds)
        signed = signature(self._secret, file_id, expires)
        return as_json({"url": f"{request.host_url}emulator/signed/{file_id}?expires={expires}&signature={signed}"})

    def signed(self, request: Request, file_id: str) -> Response:
        """GET a signed URL."""
        expires = whole(request.args, "expires", 0, 0, 10**12)
        if not is_signed(self._secret, file_id, expires, request.args.get("signature", "")):
            raise Refusal(403, {"detail": "The URL's signature is wrong."})
        if time.time() >= expires:
            raise Refusal(403, {"detail": "The URL has expired."})
        return self.download(request, file_id)

    def create(self, request: Request) -> Response:
        """POST /v1/batch/jobs."""
        new = read_new_job(_json(request))
        if self._options.upstream is not None and new.endpoint in NOT_ASKED_FOR:
            raise FieldFault(("body", "endpoint"), f"The upstream server cannot be asked for {new.endpoint}")
        job = self._jobs.create(new)
        self._wake()
        return self._shown(job)

    def list(self, request: Request) -> Response:
        """GET /v1/batch/jobs."""
        lag = self._faults.current.list_lag
        query = jobs_query(request.args, time.time() - lag if lag > 0 else None)
        jobs, total = self._jobs.page(query)
        paused = self._faults.current.unknown_status
        return as_json({"data": [job.shown(unknown_status=paused) for job in jobs], "object": "list", "total": total})

    def get(self, request: Request, job_id: str) -> Response:
        """GET /v1/batch/jobs/{id}; with `inline`, the lines of both result files stand in `outputs`."""
        inline = flag(request.args, "inline", default=False)
        job = self._jobs.get(job_id)
        if time.time() < job.created_at + self._faults.current.not_found_after_create:
            raise no_such("batch job")
        shown = job.shown(unknown_status=self._faults.current.unknown_status)
        if not inline or not job.status.ended:
            return as_json(shown)
        paths = [self._files.path(file_id) for file_id in job.result_files() if file_id is not None]
        return Response(job_with_outputs(shown, paths), mimetype="application/json")

    def cancel(self, request: Request, job_id: str) -> Response:  # noqa: ARG002
        """POST /v1/batch/jobs/{id}/cancel."""
        job = self._jobs.cancel(job_id)
        self._wake()
        return self._shown(job)

    def delete(self, request: Request, job_id: str) -> Response:  # noqa: ARG002
        """DELETE /v1/batch/jobs/{id}."""
        gone = self._jobs.delete(job_id)
        self._wake()
        return as_json(gone)

    def models(self, request: Request) -> Response:  # noqa: ARG002
        """GET /v1/models."""
        return as_json(self._shelf.listed())

    def model(self, request: Request, model_id: str) -> Response:  # noqa: ARG002
        """GET /v1/models/{id}."""
        return as_json(self._shelf.card(model_id))

    def ledger(self, request: Request) -> Response:  # noqa: ARG002
        """GET /emulator/ledger."""
        return as_json(asdict(summarise(self._database.rows)))

    def aliases(self, request: Request) -> Response:
        """GET or PUT /emulator/models: what the aliases stand for, or what some of them are to stand for."""
        return as_json(self._shelf.move(_json(request)) if request.method == "PUT" else self._shelf.shown())

    def faults(self, request: Request) -> Response:
        """GET or PUT /emulator/faults: those in force, or others in their place."""
        if request.method == "PUT":
            self._faults.set(Faults.from_json(_json(request)))
        return as_json(self._faults.current.to_json())

    def _shown(self, job: Job) -> Response:
        return as_json(job.shown(unknown_status=self._faults.current.unknown_status))


def _content(content: FileContent, size: int | None) -> Response:
    response = Response(content, mimetype="application/octet-stream", direct_passthrough=True)
    if size is not None:
        response.content_length = size
    return response


def _json(request: Request) -> object:
    if (request.content_length or 0) > _MOST_JSON_BYTES:
        raise too_large(_MOST_JSON_BYTES)
    try:
        return parse(request.get_data())
    except JsonError as error:
        raise FieldFault(("body", error.offset), f"JSON decode error: {error}", "json_invalid") from None
