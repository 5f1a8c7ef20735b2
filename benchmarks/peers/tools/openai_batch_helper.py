"""openai-batch-helper's command line: `python -m openai_batch_helper` on a batch file."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers import work

OUTPUT = Path("output.jsonl")

work.write_openai_lines(Path("lines.jsonl"))
OUTPUT.unlink(missing_ok=True)
status, _ = work.call(
    sys.executable, "-m", "openai_batch_helper", "--input", "lines.jsonl", "--out", str(OUTPUT), "--poll-seconds", "1"
)
if OUTPUT.exists():
    work.deliver(work.answers_of_lines(OUTPUT.read_text(encoding="utf-8")))
raise SystemExit(status)
