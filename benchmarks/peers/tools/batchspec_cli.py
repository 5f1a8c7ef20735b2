"""batchspec's command line, on a spec with an input file, as its README has it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from benchmarks.peers import work

SPEC = """batchspec: 1
name: colours
model: mistral-small-latest
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: Name the colour of {{ row.text }} in one word.
"""

Path("batchspec.toml").write_text('[project]\nid = "0b7c7b3e-0a52-4c0e-9d3a-5a1f6e8a9a01"\n', encoding="utf-8")
Path("colours.batchspec.yaml").write_text(SPEC, encoding="utf-8")
with Path("rows.csv").open("w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([("id", "text"), *work.rows().items()])

batchspec = work.program("batchspec")
if work.in_parts():
    # Each part is a command of its own, and the second renders again what the first has rendered.
    work.call(batchspec, "render", "--out", "lines.jsonl")
    work.done(work.BUILD)
    work.call(batchspec, "apply", "--yes")
    work.done(work.SUBMIT)
status, _ = work.call(batchspec, "apply", "--yes", "--wait")
results = Path("results/colours.jsonl")
lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
work.deliver({line["custom_id"]: line["text"] for line in map(json.loads, lines)})
work.done(work.ANSWER)
raise SystemExit(status)
