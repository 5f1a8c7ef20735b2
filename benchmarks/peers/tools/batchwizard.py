"""batchwizard's command line: `process` submits, waits and downloads; `reconcile` and `watch` are its recovery."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.peers import work

PROGRAM = work.program("batchwizard")
_INTENT = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")

if work.recovering():
    _listed_status, listed = work.call(PROGRAM, "reconcile")
    for intent in _INTENT.findall(listed):
        work.call(PROGRAM, "reconcile", intent)
    status, _said = work.call(PROGRAM, "watch", "--output-directory", "results", "--check-interval", "1")
else:
    work.write_openai_lines(Path("lines.jsonl"))
    status, _said = work.call(
        PROGRAM, "process", "lines.jsonl", "--output-directory", "results", "--check-interval", "1"
    )

answers: dict[str, str] = {}
for results in sorted(Path("results").glob("*_results.jsonl")):
    answers |= work.answers_of_lines(results.read_text(encoding="utf-8"))
work.deliver(answers)
raise SystemExit(status)
