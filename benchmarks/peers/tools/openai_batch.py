"""openai-batch's command line: `python -m openai_batch.run` on a batch file."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from benchmarks.peers import work

OUTPUT = Path("output.jsonl")

if work.recovering():
    printed = re.findall(r"Created (\w+)\.", Path("log.txt").read_text(encoding="utf-8"))
    what = ["--resume", printed[-1]]
else:
    work.write_openai_lines(Path("lines.jsonl"))
    what = ["lines.jsonl"]
OUTPUT.unlink(missing_ok=True)
address = ("--base-url", os.environ["OPENAI_BASE_URL"], "--api-key", os.environ["OPENAI_API_KEY"])
status, _ = work.call(
    sys.executable, "-m", "openai_batch.run", *address, "-o", str(OUTPUT), "-e", "errors.jsonl", *what
)
if OUTPUT.exists():
    work.deliver(work.answers_of_lines(OUTPUT.read_text(encoding="utf-8")))
raise SystemExit(status)
