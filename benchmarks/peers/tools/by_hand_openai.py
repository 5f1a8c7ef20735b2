"""A script by hand on the official openai client, with the client's defaults, after OpenAI's own guide."""

from __future__ import annotations

import time
from pathlib import Path

from openai import OpenAI

from benchmarks.peers import work

work.write_openai_lines(Path("lines.jsonl"))
work.done(work.BUILD)
client = OpenAI()
with Path("lines.jsonl").open("rb") as lines:
    file = client.files.create(file=lines, purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
work.done(work.SUBMIT)
while batch.status not in {"completed", "failed", "expired", "cancelled"}:
    time.sleep(1)
    batch = client.batches.retrieve(batch.id)
work.deliver(work.answers_of_lines(client.files.content(batch.output_file_id).text))
work.done(work.ANSWER)
