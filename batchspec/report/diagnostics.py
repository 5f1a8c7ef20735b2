"""Findings for people and for programs: place, source line, reason and remedy, in one form for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from batchspec.core.diagnostics import Diagnostic, Severity, in_order
from batchspec.report.excerpt import excerpt
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, plural


def _as_it_is(path: str) -> str:
    return path


def render_diagnostics(
    diagnostics: Iterable[Diagnostic],
    *,
    colour: bool,
    relative: Callable[[str], str] = _as_it_is,
    limit: int | None = None,
    width: int | None = None,
) -> str:
    """Return all findings sorted by place, each once, and a line that counts them; "" where there are none.

    `relative` turns a path of the project into one for the current folder. At most `limit` findings are shown, all
    are counted. Words are folded to `width`, source lines are not. The text ends with a newline.
    """
    found = in_order(diagnostics)
    if not found:
        return ""
    style = Style(colour=colour, width=width)
    shown = found if limit is None else found[:limit]
    blocks = ["\n".join(_block(each, style, relative)) for each in shown]
    if len(shown) < len(found):
        blocks.append(f"… and {len(found) - len(shown):,} more")
    return "\n\n".join([*blocks, _count(found)]) + "\n"


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, object]:
    """Return a finding for a JSON document: text as it is, lines and columns from 1, the end exclusive."""
    span = diagnostic.location.span
    return {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "path": diagnostic.location.path,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "source_line": diagnostic.source_line,
        "row": diagnostic.row,
    }


def _block(diagnostic: Diagnostic, style: Style, relative: Callable[[str], str]) -> list[str]:
    span = diagnostic.location.span
    tint = "red" if diagnostic.severity is Severity.ERROR else "yellow"
    place = safe(relative(diagnostic.location.path)) + (f":{span.line}:{span.column}" if span else "")
    word = f"{diagnostic.severity.value}[{safe(diagnostic.code)}]"
    lines = [style.fold(f"{style(place + ':', 'bold')} {style(word, tint, 'bold')}: {safe(diagnostic.summary)}")]
    if span is not None and diagnostic.source_line is not None and diagnostic.source_line.strip():
        part = excerpt(diagnostic.source_line, span)
        lines.append(f"{style(part.gutter, 'dim')}{part.source}")
        lines.append(f"{style(part.blank_gutter, 'dim')}{_tinted(part.carets, style, tint)}")
    told = _labelled("row", diagnostic.row) + _labelled("why", diagnostic.detail) + _labelled("help", diagnostic.hint)
    return lines + [style.fold(line) for line in told]


def _tinted(carets: str, style: Style, tint: str) -> str:
    indent = len(carets) - len(carets.lstrip())
    return carets[:indent] + style(carets[indent:], tint, "bold")


def _labelled(label: str, text: str | None) -> list[str]:
    """Return `  why:  …`, further lines of the text below its first."""
    if not text:
        return []
    first, *rest = text.split("\n")
    return [f"  {label + ':':<6}{safe(first)}", *(f"        {safe(line)}" for line in rest)]


def _count(found: Sequence[Diagnostic]) -> str:
    errors = sum(each.severity is Severity.ERROR for each in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    words = ", ".join(plural(count, noun) for count, noun in counts if count)
    return f"{words} in {plural(len({each.location.path for each in found}), 'file')}"
