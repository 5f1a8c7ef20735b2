"""batchata's Batch with a state file that is used again, which is its way to resume."""

from __future__ import annotations

from batchata import Batch

from benchmarks.peers import work

batch = Batch(results_dir="./results").set_state(file="./state.json", reuse_state=True)
batch.set_default_params(model="gpt-4o-mini-2024-07-18")
for text in work.rows().values():
    batch.add_job(messages=work.prompt(text))
results = batch.run().results()
got = {str(result.raw_response).removeprefix("echo of "): result.raw_response for result in results["completed"]}
work.deliver({row: got.get(work.prompt(text)[0]["content"]) for row, text in work.rows().items()})
