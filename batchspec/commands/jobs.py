"""`jobs`: the provider's own list of batch jobs, whoever made them, filtered here and not by the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from batchspec.core.model import BatchJob
from batchspec.core.ports import Provider
from batchspec.core.protocol import PROJECT, SPEC


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: each given part must fit. `since` is Unix seconds; `metadata` pairs must all be there."""

    statuses: frozenset[str] = frozenset()
    model: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    since: float | None = None
    limit: int | None = None

    def fits(self, job: BatchJob) -> bool:
        """Tell whether a job is asked for."""
        return (
            (not self.statuses or job.status_text in self.statuses)
            and (self.model is None or self.model in {job.model, job.agent_id})
            and all(job.metadata.get(key) == value for key, value in self.metadata.items())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job of the workspace. `spec` is its spec where this project has made it, else None."""

    job: BatchJob
    spec: str | None


def list_jobs(wanted: JobFilter, *, provider: Provider, project_id: str | None) -> list[ListedJob]:
    """Return the jobs that fit, the newest first."""
    found = sorted(
        (job for job in provider.list_jobs(created_after=wanted.since) if wanted.fits(job)),
        key=lambda job: (-job.created_at, job.id),
    )
    return [
        ListedJob(job=job, spec=job.metadata.get(SPEC) if _is_ours(job, project_id) else None)
        for job in islice(found, wanted.limit)
    ]


def _is_ours(job: BatchJob, project_id: str | None) -> bool:
    return project_id is not None and job.metadata.get(PROJECT) == project_id
