"""simple-openai-requests with `use_batch` and its cache."""

from __future__ import annotations

import logging

from simple_openai_requests import make_openai_requests

from benchmarks.peers import work

logging.basicConfig(level=logging.INFO)
results = make_openai_requests(
    conversations=[work.prompt(text) for text in work.rows().values()],
    model=work.MODEL,
    use_batch=True,
    use_cache=True,
    user_confirm=False,
    status_check_interval=1,
)
work.deliver({row: result["response"] for row, result in zip(work.rows(), results, strict=False)})
