"""The JSON documents of `--json`, which programs rely on: fields are added, never renamed or dropped."""

from __future__ import annotations

from collections.abc import Iterable

from batchspec.commands.apply import Applied
from batchspec.commands.jobs import ListedJob
from batchspec.commands.results import Output
from batchspec.commands.retry import Include, Retried
from batchspec.commands.status import Status
from batchspec.commands.validate import Validation
from batchspec.core.ledger import RecordedJob
from batchspec.core.model import BatchJob
from batchspec.core.planning import Action, Plan, VariantPlan
from batchspec.core.pricing import total
from batchspec.core.spending import usd
from batchspec.report.costs import estimate_fields, spent_fields
from batchspec.report.diagnostics import diagnostic_json

FORMAT_VERSION = "1.0"

Document = dict[str, object]


def plan_document(plan: Plan) -> Document:
    """Return the document of `plan --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "refreshed": plan.refreshed,
        "specs": spec_documents(plan),
        "summary": summary_document(plan),
    }


def spec_documents(plan: Plan) -> list[Document]:
    """Return what `plan --json` says of each spec, in their order."""
    return [
        {
            "name": spec.name,
            "path": spec.path,
            "endpoint": spec.endpoint,
            "variants": [_variant(variant) for variant in spec.variants],
            "waiting": spec.waiting,
            "blocked": spec.blocked,
            "to_come": spec.to_come,
        }
        for spec in plan.specs
    ]


def _variant(variant: VariantPlan) -> Document:
    return {
        "model": variant.model,
        "asked": variant.asked or variant.model,
        "matrix": dict(variant.matrix),
        "replicates": variant.replicates,
        "rows": variant.rows,
        "requests": variant.requests,
        **{action.value: variant.actions[action] for action in Action},
        "left": variant.left,
        "adopt": variant.adopted,
        "removed": variant.removed,
        "duplicates": variant.duplicates,
        "reasons": [{"reason": why, "count": count} for why, count in variant.reasons.most_common()],
        "jobs": variant.jobs,
        "bytes": variant.bytes,
        **estimate_fields(variant),
    }


def summary_document(plan: Plan) -> Document:
    """Return what `plan --json` says of all specs together."""
    return {
        **{action.value: plan.total(action) for action in Action},
        "left": plan.left,
        "adopt": sum(variant.adopted for variant in plan.variants),
        "removed": sum(variant.removed for variant in plan.variants),
        "waiting": plan.waiting,
        "blocked": plan.blocked,
        "to_come": plan.to_come,
        "jobs": plan.jobs,
        "bytes": plan.bytes,
        "cost_usd": usd(plan.cost_usd),
    }


def status_document(status: Status) -> Document:
    """Return the document of `status --json`."""
    spent = status.spent or ()
    return {
        "format_version": FORMAT_VERSION,
        "refreshed": status.plan.refreshed,
        "specs": spec_documents(status.plan),
        "used": spent_fields(spent),
        "used_cost_usd": None if status.spent is None else usd(total(each.cost_usd for each in spent)),
        "jobs": [_job(each) for each in status.jobs],
        "converged": status.converged,
        "notes": list(status.notes),
    }


def _job(each: RecordedJob) -> Document:
    return _job_fields(each.job) | {"spec": each.spec, "model": each.model}


def _job_fields(job: BatchJob) -> Document:
    return {
        "id": job.id,
        "status": job.status_text,
        "endpoint": job.endpoint,
        "model": job.model,
        "agent_id": job.agent_id,
        "total_requests": job.total_requests,
        "succeeded_requests": job.succeeded_requests,
        "failed_requests": job.failed_requests,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
    }


def jobs_document(found: Iterable[ListedJob]) -> Document:
    """Return the document of `jobs --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "jobs": [_job_fields(each.job) | {"spec": each.spec, "metadata": dict(each.job.metadata)} for each in found],
    }


def applied_document(applied: Applied) -> Document:
    """Return the document of `apply --json`: the plan that was carried out, and where things stand afterwards."""
    return {
        **plan_document(applied.plan),
        "sent": {"jobs": applied.jobs, "requests": applied.requests},
        "status": status_document(applied.status),
        "outputs": outputs_document(applied.outputs),
        "notes": list(applied.notes),
    }


def outputs_document(outputs: Iterable[Output]) -> list[Document]:
    """Return the files that were written, with their rows by status, and what came out null in them."""
    return [
        {
            "spec": output.spec,
            "path": output.path,
            "manifest": output.manifest,
            "rows": dict(output.counts),
            "warnings": [diagnostic_json(found) for found in output.warnings],
        }
        for output in outputs
    ]


def retried_document(retried: Retried) -> Document:
    """Return the document of `retry --json`: requests marked, by spec, and those left as they are, by what they are."""
    return {
        "format_version": FORMAT_VERSION,
        "marked": dict(retried.marked),
        "left": {what.value: retried.left[what] for what in Include},
    }


def validation_document(validation: Validation) -> Document:
    """Return the document of `validate --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "valid": validation.valid,
        "rows": validation.rows,
        "diagnostics": [diagnostic_json(found) for found in validation.diagnostics],
    }
