"""llm-batch-py's Runner on a data frame, by its README, run until nothing is pending, as a schedule would.

Asked to recover, it first removes the lock of the run that died, which else holds for the hour set below.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import polars
import tiktoken
from llm_batch_py import (
    BatchConfig,
    LockConfig,
    OpenAIConfig,
    PromptCacheConfig,
    ResultCacheStoreConfig,
    Runner,
    StructuredOutputJob,
    structured_template,
)
from pydantic import create_model

from benchmarks.peers import work

Colour = create_model("Colour", colour=(str, ...))
RUNS = 5

if work.recovering():
    for lock in Path(".llm_batch_py/locks").glob("*.json"):
        lock.unlink()

# tiktoken downloads its tables, and the trial has no network: tokens are counted as bytes instead.
tiktoken.encoding_for_model = lambda _model: tiktoken.Encoding(
    "bytes", pat_str="(?s).", mergeable_ranks={bytes([byte]): byte for byte in range(256)}, special_tokens={}
)

rows = work.rows()
template = structured_template(
    system="Return JSON only.",
    messages="Name the colour of {{ row.text }} in one word.",
    name="colours",
    version="v1",
)
job = StructuredOutputJob(
    name="colours",
    key_cols=["id"],
    input_df=polars.DataFrame({"id": list(rows), "text": list(rows.values())}),
    prompt_builder=template,
    output_model=Colour,
    provider=OpenAIConfig(model=work.MODEL),
    result_cache=ResultCacheStoreConfig(root_uri="./.llm_batch_py"),
    prompt_cache=PromptCacheConfig(mode="auto"),
    lock=LockConfig(ttl_seconds=3600),
    batch=BatchConfig(batch_size=int(os.environ.get("BATCH_SIZE", "500"))),
)
runner = Runner()
for run in range(RUNS):
    frame = runner.run(job)
    if run == 0:
        work.done(work.SUBMIT)
    print(runner.last_summary, flush=True)
    answers = {line["id"]: line["colour"] for line in frame.iter_rows(named=True) if line["colour"] is not None}
    if len(answers) == len(rows):
        break
    time.sleep(1)
work.deliver(answers)
work.done(work.ANSWER)
