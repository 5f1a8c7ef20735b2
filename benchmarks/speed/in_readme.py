"""What the README says of speed: the last measurements beside a script and beside other tools, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_PART = "Generated rows"
_WORK = (
    ("first run: render, check and record every row", "first run to the spool, one core", "by hand: first run"),
    ("again, the input files untouched", "plan, same bytes", "by hand: nothing changed"),
    ("again, the input files written anew", "plan, rendered again, one core", "by hand: nothing changed"),
    ("again, one row edited", "plan, one row edited, one core", "by hand: nothing changed"),
    ("take in the answers, join them to their rows", "collect and join", "by hand: collect and join"),
    ("write the results file again", "results, jsonl", "by hand: export jsonl"),
)
"""What is done, and the stages of the measurement that it is: batchspec's, and the script's."""

_EVEN = 0.05


class _Measured(NamedTuple):
    cpu: float
    megabytes: str


def speed_in_readme(results: str, beside_tools: str) -> list[str]:
    """Return the README's lines, made from the pages that the two measurements have written."""
    made = re.search(r"^(\d{4}-\d\d-\d\d), (.+?)\. Made by", results, re.MULTILINE)
    assert made, "the page does not say when it was made"
    stages = _stages(results)
    table = list(_beside_the_script(stages))
    assert table, "nothing of what the README tells was measured"
    tools = list(_beside_tools(beside_tools))
    assert tools, "no tool was measured"
    return [
        f"CPU seconds and memory, {made[1]}, {made[2]}; requests of 1.5 KB, one core:",
        "",
        *_table(("work", "rows", "script", "batchspec", "batchspec is"), table),
        "",
        "Other tools, 100,000 small requests, from the rows to the answers: CPU seconds, and requests sent again:",
        "",
        *_table(("tool", "version", "first run", "the same again", "sent by that", "sent after one edit"), tools),
    ]


def _stages(results: str) -> dict[tuple[str, int], _Measured]:
    part = results.partition(f"\n## {_PART}")[2].partition("\n## ")[0]
    found = {}
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 10 and re.fullmatch(r"[\d,]+", cells[1]):
            found[cells[0], int(cells[1].replace(",", ""))] = _Measured(float(cells[5]), cells[6])
    return found


def _beside_the_script(stages: dict[tuple[str, int], _Measured]) -> Iterator[tuple[str, ...]]:
    for words, stage, beside in _WORK:
        both = [rows for name, rows in stages if name == stage and (beside, rows) in stages]
        if both:
            own, script = stages[stage, max(both)], stages[beside, max(both)]
            yield words, f"{max(both):,}", _cost(script), _cost(own), _compared(script.cpu / own.cpu)


def _cost(measured: _Measured) -> str:
    return f"{measured.cpu:.3g} s, {measured.megabytes} MB"


def _compared(ratio: float) -> str:
    if abs(ratio - 1) < _EVEN:
        return "as fast"
    return f"{ratio:.2g} times as fast" if ratio > 1 else f"{1 / ratio:.2g} times as slow"


def _beside_tools(page: str) -> Iterator[tuple[str, ...]]:
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch(r"[\d.]+", cells[2]):
            tool, version, first, again, sent, edited, _ = cells
            yield tool, version, first, again, sent, edited


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
