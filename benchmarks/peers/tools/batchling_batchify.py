"""batchling's `batchify` around the official client's asynchronous calls, as its README has it."""

from __future__ import annotations

import asyncio

from batchling import batchify
from openai import AsyncOpenAI

from benchmarks.peers import work


async def generate() -> None:
    """Ask all rows at once, in one batch."""
    client = AsyncOpenAI()
    rows = work.rows()
    tasks = [client.chat.completions.create(model=work.MODEL, messages=work.prompt(text)) for text in rows.values()]
    async with batchify(batch_poll_interval_seconds=1):
        answers = await asyncio.gather(*tasks)
    work.deliver({row: answer.choices[0].message.content for row, answer in zip(rows, answers, strict=True)})


asyncio.run(generate())
