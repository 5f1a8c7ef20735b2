"""A small live model server that speaks the synchronous API, on starlette: run by uvicorn, in a process of its own.

It answers with what it was asked, fails now and then in a way that passes, and counts every answer in a file.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SEEN: dict[str, int] = {}


async def chat(request: Request) -> Response:
    """Answer, but refuse the first try of every tenth request with a 429."""
    asked = await request.json()
    if "messages" not in asked:
        return JSONResponse({"object": "error", "message": "messages are missing", "type": "bad"}, status_code=422)
    text = asked["messages"][-1]["content"]
    SEEN[text] = SEEN.get(text, 0) + 1
    if text.endswith("0") and SEEN[text] == 1:
        return JSONResponse({"message": "slow down"}, status_code=429, headers={"Retry-After": "0.01"})
    await asyncio.sleep(0.005)
    with Path(os.environ["UPSTREAM_LOG"]).open("a", encoding="utf-8") as log:
        log.write(text + "\n")
    message = {"role": "assistant", "content": f"{asked['model']} heard {text}"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "x", "object": "chat.completion", "model": asked["model"], "choices": [choice], "usage": usage}
    return JSONResponse(answer, headers={"X-Key": request.headers.get("Authorization", "")})


app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
