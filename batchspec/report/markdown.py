"""Plans and states as Markdown, for a comment on a pull request or a run's summary, in tables that stay narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from batchspec.commands.status import Status
from batchspec.core.ledger import RecordedJob
from batchspec.core.planning import Action, Plan, SpecPlan, VariantPlan
from batchspec.report.costs import plan_cost
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural, size
from batchspec.report.text import status_summary
from batchspec.report.variants import matrix_words, model_words

_TICKS = re.compile("`+")
_MOST_SPECS = 100
_MOST_JOBS = 20
_WORDS: tuple[tuple[Action, str], ...] = (
    (Action.SUBMIT, "submit"),
    (Action.RETRY, "retry"),
    (Action.UNRESOLVED, "unresolved"),
    (Action.IN_FLIGHT, "in flight"),
    (Action.DONE, "done"),
    (Action.FAILED, "failed"),
    (Action.HELD, "held"),
    (Action.LOST, "lost"),
    (Action.INVALID, "invalid"),
)


def plan_markdown(plan: Plan, notes: Sequence[str] = ()) -> str:
    """Return a plan: its sum as a heading, a table of what would be sent, and the unchanged specs folded away.

    Names come from files that a pull request may have changed. They stand as code, where nothing is taken for Markdown,
    HTML, a link or a mention.
    """
    changed = [spec for spec in plan.specs if any(variant.sends for variant in spec.variants)]
    same = [spec for spec in plan.specs if spec not in changed]
    parts = [f"### batchspec plan: {_sum(plan)}"]
    if not plan.refreshed:
        parts.append("From recorded state alone: the provider was not asked.")
    if changed:
        parts.append("\n".join(_changes(changed[:_MOST_SPECS])))
        if len(changed) > _MOST_SPECS:
            parts.append(f"and {plural(len(changed) - _MOST_SPECS, 'spec')} more.")
    if same:
        lines = [f"| {_text(spec.name)} | {_variant(variant)} | {_counts(variant)} |" for spec, variant in _each(same)]
        table = "\n".join(["| spec | model | requests |", "| --- | --- | --- |", *lines[:_MOST_SPECS]])
        head = f"<details><summary>{plural(len(same), 'spec')} without a change</summary>"
        parts += [head, table, "</details>"]
    if notes:
        parts.append(_block([safe(note) for note in notes]))
    return "\n\n".join(parts) + "\n"


def status_markdown(status: Status) -> str:
    """Return where specs stand: the sum as a heading, a table of every variant, the latest jobs folded away.

    Names stand as code, as in a plan.
    """
    end = "converged" if status.converged else "not converged"
    parts = [f"### batchspec status: {end}", status_summary(status, Style(colour=False))]
    if not status.plan.refreshed:
        parts.append("From recorded state alone: the provider was not asked.")
    lines = [
        f"| {_text(spec.name)} | {_variant(variant)} | {_all(variant)} |" for spec, variant in _each(status.plan.specs)
    ]
    if lines:
        parts.append("\n".join(["| spec | model | requests |", "| --- | --- | --- |", *lines[:_MOST_SPECS]]))
    if len(lines) > _MOST_SPECS:
        parts.append(f"and {plural(len(lines) - _MOST_SPECS, 'variant')} more.")
    if status.jobs:
        parts += [f"<details><summary>{plural(len(status.jobs), 'job')}</summary>", _jobs(status.jobs), "</details>"]
    if status.notes:
        parts.append(_block([safe(note) for note in status.notes]))
    return "\n\n".join(parts) + "\n"


def _jobs(jobs: Sequence[RecordedJob]) -> str:
    latest = sorted(jobs, key=lambda each: each.job.created_at, reverse=True)[:_MOST_JOBS]
    lines = [
        f"| {_text(each.job.id)} | {_text(each.job.status_text)} | {_text(each.spec)} | {each.job.succeeded_requests:,}"
        f" | {each.job.failed_requests:,} | {each.job.total_requests:,} |"
        for each in latest
    ]
    head = ["| job | status | spec | done | failed | of |", "| --- | --- | --- | ---: | ---: | ---: |"]
    left = len(jobs) - len(latest)
    return "\n".join([*head, *lines, *([f"\nand {plural(left, 'older job')}."] if left else [])])


def _sum(plan: Plan) -> str:
    if not plan.changes:
        return "nothing to send"
    cost = plan_cost(plan)
    sent = f"{plural(plan.sends, 'request')} to send in {plural(plan.jobs, 'job')} ({size(plan.bytes)})"
    return f"{sent} {cost}" if cost else sent


def _changes(specs: Sequence[SpecPlan]) -> Iterator[str]:
    yield "| spec | model | to send | why | otherwise |"
    yield "| --- | --- | ---: | --- | --- |"
    for spec, variant in _each(specs):
        why = ", ".join(f"{count:,} {reason}" for reason, count in variant.reasons.most_common())
        name = f"{_text(spec.name)}<br>{_text(spec.path)}"
        yield f"| {name} | {_variant(variant)} | {variant.sends:,} | {why or '-'} | {_counts(variant)} |"


def _each(specs: Sequence[SpecPlan]) -> Iterator[tuple[SpecPlan, VariantPlan]]:
    return ((spec, variant) for spec in specs for variant in spec.variants)


def _counts(variant: VariantPlan) -> str:
    """Return what is not sent, by what became of it."""
    others = [
        f"{variant.actions[action]:,} {word}" for action, word in _WORDS if variant.actions[action] and not action.sends
    ]
    if variant.adopted:
        others.append(f"{variant.adopted:,} adopted")
    if variant.removed:
        others.append(f"{variant.removed:,} no longer declared")
    return ", ".join(others) or "-"


def _all(variant: VariantPlan) -> str:
    """Return every request, by what became of it or is to be done."""
    return ", ".join(f"{variant.actions[action]:,} {word}" for action, word in _WORDS if variant.actions[action]) or "-"


def _variant(variant: VariantPlan) -> str:
    """Return a variant's name: its model, and what its matrix says."""
    return "<br>".join([_text(model_words(variant)), *map(_text, matrix_words(variant.matrix))])


def _text(text: str) -> str:
    """Return text as a code span of one line, within a table's cell."""
    shown = safe(text)
    fence = "`" * (_longest_run(shown) + 1)
    room = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{room}{shown}{room}{fence}".replace("|", "\\|")


def _block(lines: Sequence[str]) -> str:
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _longest_run(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)
