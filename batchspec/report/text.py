"""Plans, states and outcomes as text for a person at a terminal or reading a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from batchspec.commands.apply import Applied
from batchspec.commands.cancel import Cancelled
from batchspec.commands.init import Initialised
from batchspec.commands.jobs import ListedJob
from batchspec.commands.results import Output
from batchspec.commands.retry import Retried
from batchspec.commands.status import Status
from batchspec.core.answer_checks import CUT, ORDINARY
from batchspec.core.ledger import RecordedJob
from batchspec.core.model import BatchJob
from batchspec.core.planning import Action, Plan, SpecPlan, VariantPlan
from batchspec.report.costs import cost_lines, plan_cost, spent_text
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural, size, table
from batchspec.report.variants import matrix_words, model_words

SIGNS: tuple[tuple[Action, str, str, str], ...] = (
    (Action.SUBMIT, "+", "submit", "green"),
    (Action.RETRY, "r", "retry", "yellow"),
    (Action.UNRESOLVED, "?", "unresolved", "yellow"),
    (Action.IN_FLIGHT, "~", "in flight", "cyan"),
    (Action.DONE, "=", "done", "dim"),
    (Action.FAILED, "x", "failed", "red"),
    (Action.HELD, "h", "held", "yellow"),
    (Action.LOST, "!", "lost", "red"),
    (Action.INVALID, "x", "invalid", "red"),
)
"""How each action is shown: its sign, its word and its colour."""

Relative = Callable[[str], str]


def plan_text(plan: Plan, style: Style, relative: Relative) -> str:
    """Return a plan: every spec and model with its counts and reasons, then what it comes to."""
    parts = [_spec_text(spec, style, relative) for spec in plan.specs]
    parts.append(_plan_summary(plan, style))
    return style.fold("\n\n".join(parts))


def _spec_text(spec: SpecPlan, style: Style, relative: Relative) -> str:
    head = f"{style(safe(spec.name), 'bold')}  {style(f'{relative(spec.path)}  {spec.endpoint}', 'dim')}"
    lines = [line for variant in spec.variants for line in _variant_lines(variant, style)]
    if spec.waiting:
        why = "rows, for answers to go on from"
        lines.append(f"    {style('. waiting    ', 'dim')}{spec.waiting:>11,}   {style(why, 'dim')}")
    if spec.blocked:
        why = "rows, without an answer to go on from: failed, held or lost there"
        lines.append(f"    {style('! blocked    ', 'red')}{spec.blocked:>11,}   {style(why, 'dim')}")
    return "\n".join([head, *lines])


def _variant_lines(variant: VariantPlan, style: Style) -> list[str]:
    rows = plural(variant.rows, "row")
    if variant.duplicates:
        rows += f", {variant.duplicates:,} of them the same as another"
    if variant.replicates > 1:
        rows += f", {variant.replicates:,} times each"
    name = " ".join([model_words(variant), *matrix_words(variant.matrix)])
    lines = [f"  {name}  {style(rows, 'dim')}"]
    reasons = ", ".join(f"{count:,} {why}" for why, count in variant.reasons.most_common())
    for action, sign, word, colour in SIGNS:
        count = variant.actions[action]
        if count:
            why = f"   {reasons}" if action.sends and reasons else ""
            reasons = "" if action.sends else reasons
            lines.append(f"    {style(f'{sign} {word:<11}', colour)}{count:>11,}{style(why, 'dim')}")
    lines += cost_lines(variant, style)
    if variant.left:
        left = style("! left       ", "yellow")
        lines.append(f"    {left}{variant.left:>11,}   to be sent, but not in this saved plan")
    if variant.adopted:
        lines.append(
            f"    {style('< adopted    ', 'cyan')}{variant.adopted:>11,}   found at the provider, now on record"
        )
    if variant.removed:
        lines.append(
            f"    {style('- removed    ', 'dim')}{variant.removed:>11,}   no longer declared; answers are kept"
        )
    return lines


def _plan_summary(plan: Plan, style: Style) -> str:
    asof = "" if plan.refreshed else style(" (from recorded state; the provider was not asked)", "dim")
    if not plan.changes:
        waiting = plan.total(Action.IN_FLIGHT) + plan.total(Action.UNRESOLVED)
        if waiting or plan.waiting:
            left = f"{plural(waiting, 'request')} still in flight{_still_waiting(plan)}"
            return f"{style('Nothing to send', 'bold')}: {left}.{asof}"
        return f"{style('Nothing to send', 'bold')}: every request has its answer.{asof}"
    later = f", then up to {plan.to_come:,} as answers come" if plan.to_come else ""
    total = f"{plural(plan.sends, 'request')} to send in {plural(plan.jobs, 'job')} ({size(plan.bytes)})"
    cost = plan_cost(plan)
    return f"{style('Plan', 'bold')}: {total}{f' {cost}' if cost else ''}{later}.{asof}"


def status_text(status: Status, style: Style, relative: Relative) -> str:
    """Return where specs and jobs stand."""
    parts = [_spec_text(spec, style, relative) for spec in status.plan.specs]
    if status.jobs:
        parts.append(_jobs_text(status.jobs, style))
    spent = spent_text(status.spent or (), style)
    if spent:
        parts.append(spent)
    notes = notes_text(status.notes, style)
    if notes:
        parts.append(notes)
    parts.append(status_summary(status, style))
    return style.fold("\n\n".join(parts))


def _jobs_text(jobs: Sequence[RecordedJob], style: Style) -> str:
    rows = [("job", "status", "spec", "model", "done", "failed", "of")]
    rows += [
        (each.job.id, safe(each.job.status_text), safe(each.spec), safe(each.model), *_counts(each.job))
        for each in jobs
    ]
    return table(rows, style)


def _counts(job: BatchJob) -> tuple[str, str, str]:
    return (f"{job.succeeded_requests:,}", f"{job.failed_requests:,}", f"{job.total_requests:,}")


def jobs_text(found: Sequence[ListedJob], style: Style) -> str:
    """Return the provider's jobs, those of this project with their spec."""
    if not found:
        return "no jobs"
    rows = [("job", "created", "status", "endpoint", "model", "spec", "done", "failed", "of")]
    for each in found:
        job = each.job
        created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        names = (safe(job.model or job.agent_id or "-"), safe(each.spec or "-"))
        rows.append((job.id, created, safe(job.status_text), safe(job.endpoint), *names, *_counts(job)))
    return table(rows, style)


def cancelled_text(cancelled: Cancelled, style: Style) -> str:
    """Return the jobs that were asked to stop, and what they answered."""
    if not cancelled.jobs:
        return "nothing is in flight"
    lines = [f"{style('h', 'yellow')} {job}  {safe(status)}" for job, status in cancelled.jobs.items()]
    lines.append(f"{plural(len(cancelled.jobs), 'job')} asked to stop; `batchspec status` shows how they end")
    return "\n".join(lines)


def retried_text(retried: Retried, style: Style) -> str:
    """Return what was marked to be sent again, what was not, and the next thing to do."""
    left = [
        f"{count:,} {what} are left as they are; `--include {what}` takes them in"
        for what, count in sorted(retried.left.items())
    ]
    total = retried.marked.total()
    if not total:
        return "\n".join(["no request has ended so; nothing was marked", *left])
    lines = [
        f"{style('r', 'yellow')} {safe(name)}  {plural(count, 'request')}"
        for name, count in retried.marked.items()
        if count
    ]
    return "\n".join(
        [
            *lines,
            *left,
            f"{plural(total, 'request')} marked; `batchspec apply` sends {'it' if total == 1 else 'them'} again",
        ]
    )


def status_summary(status: Status, style: Style) -> str:
    """Return in a sentence whether every request has its end, and what to do next."""
    if status.converged:
        failed = status.plan.failed
        end = f"; {plural(failed, 'request')} failed" if failed else ""
        return f"{style('Converged', 'bold', 'green')}: every request has its end{end}."
    waiting = status.plan.total(Action.IN_FLIGHT) + status.plan.total(Action.UNRESOLVED)
    left = [
        f"{plural(count, 'request')} {what}"
        for count, what in (
            (waiting, "in flight"),
            (status.plan.sends, "not sent"),
            (status.plan.left, "left out of the saved plan"),
        )
        if count
    ]
    if status.plan.waiting:
        left.append(f"{plural(status.plan.waiting, 'row')} waiting for answers of another spec")
    return f"{style('Not converged', 'bold')}: {', '.join(left)}. {_next(status)}"


def _still_waiting(plan: Plan) -> str:
    return f", {plural(plan.waiting, 'row')} waiting for answers of another spec" if plan.waiting else ""


def _next(status: Status) -> str:
    if status.plan.sends or status.plan.left:
        return "`batchspec apply` sends them."
    if status.plan.waiting:
        return "`batchspec apply --wait` carries on to the end."
    return "`batchspec wait` waits for them."


def applied_text(applied: Applied, style: Style, relative: Relative) -> str:
    """Return what an apply has done, and what there is to do next."""
    parts = [
        part for part in (notes_text(applied.notes, style), outputs_text(applied.outputs, style, relative)) if part
    ]
    sent = (
        f"sent {plural(applied.requests, 'request')} in {plural(applied.jobs, 'job')}"
        if applied.jobs
        else "nothing was sent"
    )
    parts.append(f"{style('Applied', 'bold')}: {sent}. {status_summary(applied.status, style)}")
    return style.fold("\n".join(parts))


def outputs_text(outputs: Iterable[Output], style: Style, relative: Relative) -> str:
    """Return the files that were written, with their rows by status."""
    lines = []
    for output in outputs:
        counts = ", ".join(
            f"{count:,} {status}" for status, count in sorted(output.counts.items(), key=lambda item: -item[1])
        )
        lines.append(f"{relative(output.path)}  {style(counts or 'no rows', 'dim')}")
        lines += [f"  {style('!', 'yellow')} {told}" for told in _of_answers(output)]
    return "\n".join(lines)


def _of_answers(output: Output) -> Iterator[str]:
    """Yield what is worth knowing of answers that count."""
    if output.kept:
        yield f"{plural(output.kept, 'answer')} kept, though not as `response` wants them"
    for reason, count in sorted(output.ends.items()):
        if reason == CUT:
            yield f"{plural(count, 'answer')} cut off (finish_reason `length`); a larger `max_tokens` leaves more room"
        elif reason not in ORDINARY:
            yield f"{plural(count, 'answer')} ended by `{safe(reason)}`"


def notes_text(notes: Iterable[str], style: Style) -> str:
    """Return what a command wants said."""
    return "\n".join(f"{style('!', 'yellow')} {safe(note)}" for note in notes)


def init_text(made: Initialised, directory: str, style: Style) -> str:
    """Return what a new project consists of, and the first thing to do in it."""
    lines = [f"{style('+', 'green')} {path}" for path in made.made]
    lines += [f"  {path}  {style('was there and is left as it is', 'dim')}" for path in made.kept]
    go = "" if directory == "." else f"cd {directory} && "
    lines += ["", "Try it without a key, on the emulator:", f"  {go}batchspec apply --provider emulator --wait"]
    # The command is to be copied, and is never folded.
    lines += [
        style.fold("Then put your own rows in data/reviews.csv, and run it again: only what has changed is sent.")
    ]
    lines += [style.fold("With MISTRAL_API_KEY set, the same without `--provider emulator` asks the models.")]
    return "\n".join(lines)
