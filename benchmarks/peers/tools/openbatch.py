"""openbatch writes the batch file; its README leaves upload, job and results to the official client."""

from __future__ import annotations

import time
from pathlib import Path

from openai import OpenAI
from openbatch import BatchCollector

from benchmarks.peers import work

LINES = Path("lines.jsonl")

LINES.unlink(missing_ok=True)
collector = BatchCollector(batch_file_path=str(LINES))
for row, text in work.rows().items():
    collector.chat.completions.create(custom_id=row, model=work.MODEL, messages=work.prompt(text))
work.done(work.BUILD)
client = OpenAI()
with LINES.open("rb") as lines:
    file = client.files.create(file=lines, purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
work.done(work.SUBMIT)
while batch.status not in {"completed", "failed", "expired", "cancelled"}:
    time.sleep(1)
    batch = client.batches.retrieve(batch.id)
work.deliver(work.answers_of_lines(client.files.content(batch.output_file_id).text))
work.done(work.ANSWER)
