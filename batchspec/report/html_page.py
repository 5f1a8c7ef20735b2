"""The HTML report: one page that stands for itself, loads nothing, and runs no text of a row or an answer.

Everything that comes from elsewhere goes through `_text`; the only script is the page's own, named by its digest in
the page's Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator, Mapping, Sequence

from batchspec import __version__
from batchspec.commands.report import Report, Shown, ShownRow, SpecReport, Variant
from batchspec.core.json_text import encode_pretty
from batchspec.core.ledger import RecordedJob
from batchspec.report.page_style import SCRIPT, STYLE
from batchspec.report.safe_text import safe
from batchspec.report.style import plural

_LONGEST = 4_000
_BUDGET = 400_000
_MOST_JOBS = 20
_MOST_FILES = 50
_MOST_REASONS = 10
_GOOD, _WAITING = frozenset({"succeeded"}), frozenset({"pending"})


def report_page(report: Report) -> str:
    """Return the page; where the shown rows would make it large, fewer are shown, and the page says so."""
    specs = [_spec(each, report) for each in report.specs]
    total = sum(each.total for each in report.specs)
    rows, shown = _articles(report)
    statuses = sorted({answer.status for each in report.specs for row in each.rows for answer in row.answers})
    return "".join(
        (
            "<!doctype html>\n",
            '<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            "<title>batchspec report</title>\n",
            f"<style>{STYLE}</style>\n</head>\n<body>\n",
            f"<header><h1>batchspec report</h1><p class=dim>{plural(len(report.specs), 'spec')},",
            f" {plural(total, 'row')}</p></header>\n",
            f"<main>\n{''.join(specs)}",
            f"<h2>Rows</h2>\n<p>{shown:,} of {total:,} rows, failures first.",
            " Which of the others are shown follows from their ids.</p>\n",
            _tools(report.specs, statuses),
            rows,
            f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def _policy() -> str:
    digests = [base64.b64encode(hashlib.sha256(each.encode("utf-8")).digest()).decode() for each in (STYLE, SCRIPT)]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}';"
        " base-uri 'none'; form-action 'none'"
    )


def _spec(told: SpecReport, report: Report) -> str:
    heading = f"spec-{_text(told.name)}"
    return (
        f'<section aria-labelledby="{heading}">\n<h2 id="{heading}">{_text(told.name)}</h2>\n'
        f"<p class=dim>{_text(told.path)} &rarr; {_text(told.endpoint)} &rarr; {_text(told.output)}</p>\n"
        f"{_table((*_told_apart_by(told), *_statuses(told), 'tokens in', 'tokens out'), _variants(told))}"
        f"{_absent(told)}{_reasons(told)}{_costs(told, report)}{_tokens(told)}{_jobs(told)}{_lineage(told)}</section>\n"
    )


def _statuses(told: SpecReport) -> list[str]:
    return sorted({status for counted in told.counts.values() for status in counted})


def _told_apart_by(told: SpecReport) -> list[str]:
    """Return the columns that tell the variants of a spec apart."""
    variants = list(told.counts)
    return [
        "model",
        *(["variant"] if any(each.matrix for each in variants) else []),
        *(["replicate"] if any(each.replicate for each in variants) else []),
    ]


def _variants(told: SpecReport) -> Iterator[Sequence[str | int]]:
    head = _told_apart_by(told)
    for variant, counted in told.counts.items():
        used = told.used[variant]
        parts: dict[str, str | int] = {
            "model": variant.model,
            "variant": variant.matrix,
            "replicate": variant.replicate,
        }
        counts = [counted[status] for status in _statuses(told)]
        yield [*[parts[name] for name in head], *counts, used.input_tokens, used.output_tokens]


def _absent(told: SpecReport) -> str:
    if not told.absent:
        return ""
    return f"<p class=wait>{plural(told.absent, 'row')} without the answer to go on from.</p>\n"


def _reasons(told: SpecReport) -> str:
    """Return why rows have no answer, or one that does not fit, the most frequent first."""
    if not told.reasons:
        return ""
    rows = [(status, reason, count) for (status, reason), count in told.reasons.most_common(_MOST_REASONS)]
    return f"<h3>What went wrong</h3>\n{_table(('status', 'why', 'answers'), rows)}"


def _costs(told: SpecReport, report: Report) -> str:
    known = [(each.model, each.cost_usd) for each in report.spent or () if each.spec == told.name]
    if not known:
        return ""
    costs = [(model, cost) for model, cost in known if cost is not None]
    total = sum(cost for _, cost in costs)
    if len(costs) < len(known):
        return "<p>Cost: not known for every model.</p>\n"
    chart = _bars(
        "Cost by model", ("model", "US dollars"), [(model, float(cost), f"${cost:.6f}") for model, cost in costs]
    )
    return f"<p>Cost: ${total:.6f}</p>\n{chart if len(costs) > 1 else ''}"


def _tokens(told: SpecReport) -> str:
    one_model = len({variant.model for variant in told.used}) == 1 < len(told.used)
    bars = [
        (_name(variant._replace(model="") if one_model else variant) or "one", used.input_tokens + used.output_tokens)
        for variant, used in told.used.items()
    ]
    return _bars(
        "Tokens used",
        ("variant" if one_model else "model", "tokens"),
        [(name, tokens, f"{tokens:,}") for name, tokens in bars],
    )


def _bars(title: str, head: tuple[str, str], bars: Sequence[tuple[str, float, str]]) -> str:
    """Return a table of names and values, each value written and drawn; nothing where all are 0."""
    most = max((value for _, value, _ in bars), default=0)
    if most <= 0:
        return ""
    lines = "".join(
        f"<tr><td>{_text(name)}</td><td class=bar>"
        f'<svg aria-hidden="true" viewBox="0 0 100 10" width="100" height="10" preserveAspectRatio="none">'
        f'<rect width="{max(1, round(100 * value / most))}" height="10"></rect></svg> {_text(written)}</td></tr>\n'
        for name, value, written in bars
    )
    heads = "".join(f"<th scope=col>{_text(each)}</th>" for each in head)
    return (
        f'<h3>{_text(title)}</h3>\n<div class=wide tabindex=0 role=region aria-label="{_text(title)}">'
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n"
    )


def _jobs(told: SpecReport) -> str:
    """Return the jobs, and how long the slowest took: of single requests the provider tells no times."""
    if not told.jobs:
        return ""
    took = [(each, _seconds(each)) for each in told.jobs]
    rows = [
        (
            each.job.id,
            each.model,
            each.job.status_text,
            each.job.total_requests,
            "-" if seconds is None else f"{seconds:,}",
        )
        for each, seconds in took
    ]
    head = ("job", "model", "status", "requests", "seconds from its creation to its end")
    slowest = sorted(((each, seconds) for each, seconds in took if seconds), key=lambda pair: -pair[1])[:_MOST_JOBS]
    chart = _bars(
        f"Seconds from a job's creation to its end{', the slowest' if len(slowest) < len(took) else ''}",
        ("job", "seconds"),
        [(f"{each.job.id} {each.model}", seconds, f"{seconds:,}") for each, seconds in slowest],
    )
    return f"{chart}<details>\n<summary>{plural(len(rows), 'job')}</summary>\n{_table(head, rows)}</details>\n"


def _seconds(each: RecordedJob) -> int | None:
    return None if each.job.completed_at is None else each.job.completed_at - each.job.created_at


def _lineage(told: SpecReport) -> str:
    """Return what the spec is made of, so that a page can be told from that of another day."""
    commit = ""
    if told.commit is not None:
        changed = told.commit.changed
        more = "" if changed is None else ", and nothing of it has changed" if not changed else ", with changes in it"
        commit = f"<p>Commit <code>{_text(told.commit.id)}</code>{more}.</p>\n"
    rows = [(path, digest) for path, digest in sorted(told.made_of.items())[:_MOST_FILES]]
    left = len(told.made_of) - len(rows)
    more_files = f"<p>{plural(left, 'further file')}.</p>\n" if left else ""
    return (
        f"<details>\n<summary>Made of {plural(len(told.made_of), 'file')}</summary>\n{commit}"
        f"<p>batchspec {_text(__version__)}; the files as they were when this page was written.</p>\n"
        f"{_table(('file', 'SHA-256'), rows)}{more_files}</details>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    listed = list(rows)
    cells = "".join(f"<th scope=col>{_text(each)}</th>" for each in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in listed)
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{_text(head[0])} table">'
        f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>\n"
    )


def _cell(value: str | int) -> str:
    return f"<td class=n>{value:,}</td>" if isinstance(value, int) else f"<td>{_text(value)}</td>"


def _tools(specs: Sequence[SpecReport], statuses: Sequence[str]) -> str:
    choices = "".join(f'<option value="{_text(each)}">{_text(each)}</option>' for each in statuses)
    names = "".join(f'<option value="{_text(each.name)}">{_text(each.name)}</option>' for each in specs)
    return (
        "<div class=tools id=tools hidden>"
        "<label>Find in rows <input id=find type=search autocomplete=off></label>"
        f"<label>Status <select id=status><option value=''>all</option>{choices}</select></label>"
        f"<label>Spec <select id=spec><option value=''>all</option>{names}</select></label>"
        "<p id=count role=status></p></div>\n"
    )


def _articles(report: Report) -> tuple[str, int]:
    """Return the rows, as many as there is room for, and how many those are."""
    made: list[str] = []
    room = _BUDGET
    failed_first = sorted(
        ((told, row) for told in report.specs for row in told.rows), key=lambda pair: not pair[1].failed
    )
    for told, row in failed_first:
        article = _article(told, row)
        room -= len(article.encode("utf-8"))
        if made and room < 0:
            break
        made.append(article)
    return "".join(made), len(made)


def _article(told: SpecReport, row: ShownRow) -> str:
    statuses = " ".join(sorted({answer.status for answer in row.answers}))
    return (
        f'<article data-spec="{_text(told.name)}" data-status="{_text(statuses)}">\n'
        f"<h3>{_text(row.custom_id)}</h3>\n<p class=dim>{_text(told.name)}, {_text(row.place)}</p>\n"
        f"<details><summary>Row</summary><pre>{_long(encode_pretty(row.values))}</pre></details>\n"
        f"<div class=answers>\n{''.join(map(_answer, row.answers))}</div>\n</article>\n"
    )


def _answer(answer: Shown) -> str:
    tone = "good" if answer.status in _GOOD else "wait" if answer.status in _WAITING else "bad"
    mark = {"good": "&#10003;", "wait": "&#8230;", "bad": "&#10007;"}[tone]
    said = "" if answer.text is None else f"<pre>{_long(answer.text)}</pre>"
    wrong = "" if answer.error is None else f"<p class=bad>{_text(_shortened(answer.error, _LONGEST))}</p>"
    tokens = answer.used.input_tokens + answer.used.output_tokens
    used = f", {answer.used.input_tokens:,} tokens in, {answer.used.output_tokens:,} out" if tokens else ""
    job = f", job {_text(answer.job)}" if answer.job else ""
    return (
        f"<div class=answer><p><strong>{_text(_name(answer.variant))}</strong>"
        f" <span class={tone}>{mark} {_text(answer.status)}</span></p>{wrong}{said}"
        f"<details><summary>Asked</summary><pre>{_long(_asked(answer.body))}</pre></details>"
        f"<p class=dim><code>{answer.digest}</code>{used}{job}</p></div>\n"
    )


def _asked(body: Mapping[str, object]) -> str:
    """Return what was asked: the messages as they read, where there are any, and else the body."""
    messages = body.get("messages")
    told = []
    for each in messages if isinstance(messages, list) else ():
        if not isinstance(each, dict) or not isinstance(each.get("content"), str):
            return encode_pretty(body)
        told.append(f"{each.get('role')}: {each['content']}")
    return "\n\n".join(told) or encode_pretty(body)


def _name(variant: Variant) -> str:
    parts = [variant.model, variant.matrix, f"#{variant.replicate}" if variant.replicate else ""]
    return " ".join(filter(None, parts))


def _long(text: str) -> str:
    """Return text of several lines, cut where it is very long."""
    shown = "\n".join(_text(line) for line in text[:_LONGEST].split("\n"))
    return shown if len(text) <= _LONGEST else f"{shown}\n[{len(text) - _LONGEST:,} characters more]"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(value: object) -> str:
    """Return text that is nothing but text, in an element or in a quoted attribute."""
    return html.escape(safe(str(value)))
