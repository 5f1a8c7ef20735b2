"""litellm's files and batches calls, after its documentation: a library's calls, not a tool for jobs."""

from __future__ import annotations

import time
from pathlib import Path

import litellm

from benchmarks.peers import work

work.write_openai_lines(Path("lines.jsonl"))
with Path("lines.jsonl").open("rb") as lines:
    file = litellm.create_file(file=lines, purpose="batch", custom_llm_provider="openai")
batch = litellm.create_batch(
    completion_window="24h",
    endpoint="/v1/chat/completions",
    input_file_id=file.id,
    custom_llm_provider="openai",
)
while batch.status not in {"completed", "failed", "expired", "cancelled"}:
    time.sleep(1)
    batch = litellm.retrieve_batch(batch_id=batch.id, custom_llm_provider="openai")
content = litellm.file_content(file_id=batch.output_file_id, custom_llm_provider="openai")
work.deliver(work.answers_of_lines(content.text))
