"""One row explained, as text for people and as the document of `plan --explain --json`."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.commands.explain import ExplainedRequest, Explanation
from batchspec.core.spec_parts import ChangedPart
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural
from batchspec.report.text import SIGNS, Relative
from batchspec.report.variants import matrix_words

_SHORT = 12
_LONGEST_SHOWN = 60
_KINDS = {
    "file": "file",
    "include": "included file",
    "variable": "variable",
    "body": "body, its key",
    "matrix": "matrix, its",
    "inputs": "spec, its key",
}


def explanation_text(found: Explanation, style: Style, relative: Relative) -> str:
    """Return what a row's requests are made of, what is done about each, and what has changed."""
    head = f"{style(safe(found.custom_id), 'bold')}  {style(f'row {safe(found.place)} of {safe(found.spec)}', 'dim')}"
    parts = [f"{head}  {style(relative(found.path), 'dim')}"]
    parts += ["\n".join(_request_lines(each, found, style)) for each in found.requests]
    parts.append("\n".join(_change_lines(found, style, relative)))
    if not found.refreshed:
        parts.append(style("From recorded state; the provider was not asked.", "dim"))
    return "\n\n".join(parts)


def _request_lines(each: ExplainedRequest, found: Explanation, style: Style) -> Iterator[str]:
    target = each.target
    yield "  " + " ".join([safe(target.model), *matrix_words(each.matrix)])
    why = "the same request as an earlier row's: sent once for both" if each.repeats else each.reason
    word = next(f"{sign} {word}" for action, sign, word, _ in SIGNS if action is each.action)
    yield f"    {word:<13}{why or ''}".rstrip()
    yield f"    {'request':<13}{each.digest.hex()}, made of"
    made = {
        "endpoint": found.endpoint,
        "model": target.model,
        "revision": target.revision,
        "replicate": target.replicate,
        "body": each.body.hex()[:_SHORT],
    }
    for name, value in made.items():
        yield f"      {name:<11}{safe(str(value))}{_was(name, each, found, style)}"


def _was(name: str, each: ExplainedRequest, found: Explanation, style: Style) -> str:
    """Return, behind an input to a digest that has changed, what it was."""
    if name not in each.changed:
        return ""
    was = None
    if name == "body" and each.declared is not None:
        was = each.declared.hex()[:_SHORT]
    elif name == "endpoint" and found.parts is not None:
        was = next((part.before for part in found.parts.parts if part.kind == "endpoint"), None)
    elif name in {"model", "revision"}:
        was = ", ".join(sorted({str(getattr(target, name)) for target in found.before.targets}))
    return "  " + style(f"<- changed{f', it was {safe(was)}' if was else ''}", "yellow")


def _change_lines(found: Explanation, style: Style, relative: Relative) -> Iterator[str]:
    columns = ", ".join(safe(name[:_LONGEST_SHOWN]) for name in found.columns)
    yield f"  The templates read {f'the columns {columns}' if columns else 'no single column'} of the row."
    if not found.before.anything:
        yield "  The spec was never applied: there is nothing to compare with."
        return
    if all(each.declared is None for each in found.requests):
        yield f"  No row `{safe(found.custom_id)}` was declared when the spec was last applied."
    if found.rows_changed + found.rows_same:
        declared = plural(found.rows_changed + found.rows_same, "request")
        yield f"  Of {declared} that were declared then and still are, {found.rows_changed:,} with another body now."
    if found.parts is None:
        yield "  What the spec was made of then is not on record; the next apply records it."
        return
    yield from _part_lines(found, style, relative)


def _part_lines(found: Explanation, style: Style, relative: Relative) -> Iterator[str]:
    assert found.parts is not None, "asked for only where they are known"
    for part in found.parts.parts:
        commit = found.parts.commit
        see = ""
        if part.kind in {"file", "include"} and part.before is not None and commit is not None:
            see = style(f"  git diff {commit[:_SHORT]} -- {relative(part.name)}", "dim")
        yield f"  {style('~', 'yellow')} {_part_words(part)}: {_short(part.before)} -> {_short(part.now)}{see}"
    if found.row_changed:
        yield f"  {style('~', 'yellow')} the row itself: a column, a file that it names, or an answer it goes on from"
    elif not found.parts.of_body:
        yield f"  {style('=', 'dim')} prompts, files, variables and the body in the spec are what they were"


def _part_words(part: ChangedPart) -> str:
    kind = _KINDS.get(part.kind)
    return safe(part.name) if kind is None else f"{kind} {safe(part.name)}"


def _short(digest: str | None) -> str:
    return "none" if digest is None else safe(digest[:_SHORT])


def explanation_document(found: Explanation) -> Document:
    """Return the document of `plan --explain --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "refreshed": found.refreshed,
        "custom_id": found.custom_id,
        "spec": found.spec,
        "path": found.path,
        "row": found.place,
        "columns": list(found.columns),
        "requests": [_request(each, found) for each in found.requests],
        "applied_before": found.before.anything,
        "rows_changed": found.rows_changed,
        "rows_same": found.rows_same,
        "row_changed": found.row_changed,
        "commit": None if found.parts is None else found.parts.commit,
        "parts": None if found.parts is None else [_part(each) for each in found.parts.parts],
        "notes": list(found.notes),
    }


def _request(each: ExplainedRequest, found: Explanation) -> Document:
    return {
        "digest": each.digest.hex(),
        "action": each.action.value,
        "reason": each.reason,
        "repeats": each.repeats,
        "matrix": dict(each.matrix),
        "made_of": {
            "endpoint": found.endpoint,
            "model": each.target.model,
            "revision": each.target.revision,
            "replicate": each.target.replicate,
            "body": each.body.hex(),
        },
        "declared_body": None if each.declared is None else each.declared.hex(),
        "changed": list(each.changed),
    }


def _part(each: ChangedPart) -> Document:
    return {"kind": each.kind, "name": each.name, "before": each.before, "now": each.now}
