"""batch-openai, by its README's quick start with a custom_id for each row, and its registry of jobs."""

from __future__ import annotations

from batch_openai import BatchRegistry, BatchRequestBuilder
from openai import OpenAI

from benchmarks.peers import work

client = OpenAI()
registry = BatchRegistry()
if work.recovering():
    job = registry.get(registry.list()[-1].batch_id, client)
else:
    builder = BatchRequestBuilder()
    for row, text in work.rows().items():
        builder.add(messages=work.prompt(text), model=work.MODEL, custom_id=row)
    job = builder.submit(client, description="colours")
    registry.track(job)
result = job.wait(poll_interval=1)
work.deliver({item.custom_id: item.content for item in result.succeeded})
