"""bespokelabs-curator's LLM with `batch=True`; its cache folder is what a rerun resumes from."""

from __future__ import annotations

from bespokelabs import curator

from benchmarks.peers import work

rows = work.rows()
llm = curator.LLM(model_name=work.MODEL, batch=True, backend_params={"batch_check_interval": 1})
done = llm([work.prompt(text)[0]["content"] for text in rows.values()])
frame = getattr(done, "dataset", done)
answers = [line["response"] for line in frame]
got = {str(answer).removeprefix("echo of "): answer for answer in answers}
work.deliver({row: got.get(work.prompt(text)[0]["content"]) for row, text in rows.items()})
