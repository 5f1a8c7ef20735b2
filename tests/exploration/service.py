"""A model of the provider, in a time of its own: late effects, lagging lists, lost answers, jobs that run later."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from exploring import Choices

from batchspec.core.errors import ProviderRefusedError, ProviderUnavailableError, SubmissionUnknownError
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest, RemoteFile
from batchspec.core.ports import Progress

LATE = 4
"""How long after its answer was lost a creation may take effect."""
LAG = 3
"""How long a new job may be missing from the list."""


@dataclass(slots=True)
class Bounds:
    """How much may still go wrong in this schedule."""

    faults: int = 0
    crashes: int = 0
    switches: int = 0
    suspensions: int = 0


@dataclass(slots=True)
class _Made:
    job: BatchJob
    runs_at: float
    ran: bool = False


@dataclass(slots=True)
class Service:
    """The provider's side. `seconds` is how long a job waits before it runs; `paid` counts executions."""

    seconds: float
    now: float = 1_000.0
    files: dict[str, bytes] = field(default_factory=dict)
    made: list[_Made] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)

    def make(self, request: JobRequest, at: float) -> BatchJob:
        """Let a job come into being at a time, now or a little later."""
        job = BatchJob(
            id=f"job-{len(self.made) + 1}",
            status=BatchJobStatus.QUEUED,
            status_text="QUEUED",
            endpoint=request.endpoint,
            model=request.model,
            input_files=request.input_files,
            metadata=dict(request.metadata),
            created_at=int(at),
        )
        self.made.append(_Made(job, at + self.seconds))
        return job

    def pass_time(self, until: float) -> None:
        """Go on to a time, and run what is due by then."""
        self.now = max(self.now, until)
        for each in self.made:
            if not each.ran and not each.job.status.ended and each.runs_at <= self.now:
                each.ran = True
                ids = self._ids(each.job)
                self.paid.update(ids)
                self.files[f"out-{each.job.id}"] = b"".join(map(_answer, ids))
                each.job = replace(
                    each.job,
                    status=BatchJobStatus.SUCCESS,
                    status_text="SUCCESS",
                    output_file=f"out-{each.job.id}",
                    completed_at=int(each.runs_at),
                    succeeded_requests=len(ids),
                    total_requests=len(ids),
                )

    def _ids(self, job: BatchJob) -> list[str]:
        lines = b"".join(self.files[file] for file in job.input_files).splitlines()
        return [str(json.loads(line)["custom_id"]) for line in lines]

    def existing(self, by: float) -> list[_Made]:
        """Return what had come into being by a time."""
        return [each for each in self.made if each.job.created_at <= by]


def _answer(custom_id: str) -> bytes:
    body = {"choices": [{"message": {"content": custom_id}}]}
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": body}}).encode() + b"\n"


class Provider:
    """One machine's connection to the service: every call may go wrong, as long as the bounds allow."""

    def __init__(self, service: Service, choices: Choices, bounds: Bounds, turn: Callable[[str], None]) -> None:
        self._service = service
        self._choices = choices
        self._bounds = bounds
        self._turn = turn
        self.looked_at = 0.0
        """The time up to which every job that existed was seen by the last list."""
        self.looked_before: dict[str, float] = {}
        """The same, for each job created here, as it was when its creation began."""

    def _call(self, name: str, *ways: str) -> str:
        self._turn(name)
        self._service.pass_time(self._service.now + 1)
        if not self._bounds.faults:
            return "well"
        way = self._choices.pick(name, ("well", *ways))
        self._bounds.faults -= way != "well"
        return way

    def _unless_away(self, name: str) -> None:
        if self._call(name, "away") == "away":
            raise ProviderUnavailableError(f"{name}: away")

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        way = self._call("upload", "away", "answer lost")
        if way == "away":
            raise ProviderUnavailableError("away")
        name = f"file-{len(self._service.files) + 1}"
        self._service.files[name] = path.read_bytes()
        if way == "answer lost":
            raise ProviderUnavailableError("no answer to the upload")
        return RemoteFile(id=name, filename=filename, size=len(self._service.files[name]))

    def get_file(self, file_id: str) -> RemoteFile | None:
        self._unless_away("get_file")
        return RemoteFile(id=file_id, filename="f") if file_id in self._service.files else None

    def find_files(self, filename: str, purpose: str = "batch") -> Sequence[RemoteFile]:
        self._unless_away("find_files")
        return []

    def list_files(self) -> Iterator[RemoteFile]:
        self._unless_away("list_files")
        yield from ()

    def create_job(self, request: JobRequest) -> BatchJob:
        looked = self.looked_at
        way = self._call("create", "away", "lost", "done and lost", "lost and done later")
        if way == "away":
            raise ProviderUnavailableError("not a byte was sent")
        if way == "lost":
            raise SubmissionUnknownError("lost on the way")
        job = self._service.make(request, self._service.now + (LATE if way == "lost and done later" else 0))
        self.looked_before[job.id] = looked
        if way != "well":
            raise SubmissionUnknownError("the answer was lost")
        return job

    def get_job(self, job_id: str) -> BatchJob | None:
        way = self._call("get_job", "unknown yet")
        found = next((each.job for each in self._service.existing(self._service.now) if each.job.id == job_id), None)
        return None if found is None or (way != "well" and self._service.now <= found.created_at + LAG) else found

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        way = self._call("list", "away", "lagging")
        if way == "away":
            raise ProviderUnavailableError("away")
        by = self._service.now - (LAG if way == "lagging" else 0)
        self.looked_at = by
        for each in self._service.existing(by):
            if created_after is None or each.job.created_at >= created_after:
                yield each.job

    def cancel_job(self, job_id: str) -> BatchJob:
        self._unless_away("cancel")
        [found] = [each for each in self._service.existing(self._service.now) if each.job.id == job_id]
        if not found.job.status.ended:
            found.job = replace(found.job, status=BatchJobStatus.CANCELLED, status_text="CANCELLED")
        return found.job

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        self._unless_away("download")
        if file_id not in self._service.files:
            raise ProviderRefusedError("no such file", status=404)
        return destination.write_bytes(self._service.files[file_id])

    def outputs(self, job_id: str) -> Sequence[bytes]:
        raise AssertionError("no job here is sent without files")

    def delete_file(self, file_id: str) -> bool:
        raise AssertionError("nothing here deletes")

    def delete_job(self, job_id: str) -> bool:
        raise AssertionError("nothing here deletes")
