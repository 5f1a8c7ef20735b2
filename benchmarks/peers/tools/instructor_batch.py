"""instructor's BatchProcessor: a file from messages and a response model, submit, status, results."""

from __future__ import annotations

import time

from instructor.batch import BatchProcessor
from pydantic import create_model

from benchmarks.peers import work

Colour = create_model("Colour", colour=(str, ...))

processor = BatchProcessor(f"openai/{work.MODEL}", Colour)
lines = processor.create_batch_from_messages(
    messages_list=[work.prompt(text) for text in work.rows().values()], file_path="lines.jsonl"
)
work.done(work.BUILD)
batch = processor.submit_batch(lines)
work.done(work.SUBMIT)
while processor.get_batch_status(batch)["status"] not in {"completed", "failed", "expired", "cancelled"}:
    time.sleep(1)
found = {entry.custom_id: entry.result for entry in processor.get_results(batch) if entry.success}
work.deliver({row: found.get(f"request-{place}") for place, row in enumerate(work.rows())})
work.done(work.ANSWER)
