"""openapi-batch's BatchClient in native mode, blocking, as its README has it."""

from __future__ import annotations

from openapi.batch import BatchClient

from benchmarks.peers import work

client = BatchClient(provider="openai", default_model=work.MODEL, openai_poll_interval_s=1)
items = [{"item_id": row, "input": {"messages": work.prompt(text)}} for row, text in work.rows().items()]
job = client.map(mode="native", items=items, async_submit=False)
print(job.status(), flush=True)
work.deliver({row: result.value["output"] for row, result in job.results_dict().items() if hasattr(result, "value")})
