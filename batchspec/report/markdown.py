"""Plans as Markdown, for a comment on a pull request: what would be sent and why, in tables that stay narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from batchspec.core.planning import Action, Plan, SpecPlan, VariantPlan
from batchspec.report.costs import plan_cost
from batchspec.report.safe_text import safe
from batchspec.report.style import plural, size
from batchspec.report.variants import matrix_words, model_words

_TICKS = re.compile("`+")
_MOST_SPECS = 100
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
    counts = [f"{variant.actions[action]:,} {word}" for action, word in _WORDS if variant.actions[action]]
    others = [told for told in counts if not told.endswith((" submit", " retry"))]
    if variant.adopted:
        others.append(f"{variant.adopted:,} adopted")
    if variant.removed:
        others.append(f"{variant.removed:,} no longer declared")
    return ", ".join(others) or "-"


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
