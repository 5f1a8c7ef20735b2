"""openai-batch: `python -m openai_batch.run` on a batch file; in parts its class `Batch` writes that file."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from benchmarks.peers import work

LINES = Path("lines.jsonl")
OUTPUT = Path("output.jsonl")


def write_lines() -> None:
    """Write the batch file by the tool's own class, whose ids are numbers of lines."""
    # The usual run leaves the tool to a process of its own, and is not to pay for it twice.
    from openai_batch import Batch  # noqa: PLC0415

    # Its own way on, `submit`, reads the file that it has closed, in the version that is tried.
    with Batch(str(LINES), custom_id_prefix="line") as batch:
        for text in work.rows().values():
            batch.add_to_batch(model=work.MODEL, messages=work.prompt(text))
    work.done(work.BUILD)


def main() -> int:
    """Run the tool's own command, or its recovery; return its status."""
    if work.recovering():
        printed = re.findall(r"Created (\w+)\.", Path("log.txt").read_text(encoding="utf-8"))
        what = ["--resume", printed[-1]]
    elif work.in_parts():
        write_lines()
        what = [str(LINES)]
    else:
        work.write_openai_lines(LINES)
        what = [str(LINES)]
    OUTPUT.unlink(missing_ok=True)
    address = ("--base-url", os.environ["OPENAI_BASE_URL"], "--api-key", os.environ["OPENAI_API_KEY"])
    status, _ = work.call(
        sys.executable, "-m", "openai_batch.run", *address, "-o", str(OUTPUT), "-e", "errors.jsonl", *what
    )
    if OUTPUT.exists():
        answers = work.answers_of_lines(OUTPUT.read_text(encoding="utf-8"))
        if work.in_parts():
            answers = {row: answers[f"line-{place}"] for place, row in enumerate(work.rows(), 1)}
        work.deliver(answers)
        work.done(work.ANSWER)
    return status


raise SystemExit(main())
