"""A script by hand on the official mistralai client, with the client's defaults, after Mistral's own guide."""

from __future__ import annotations

import json
import os
import time

from mistralai.client import Mistral

from benchmarks.peers import work

lines = [{"custom_id": row, "body": {"messages": work.prompt(text)}} for row, text in work.rows().items()]
content = "".join(json.dumps(line) + "\n" for line in lines).encode()
work.done(work.BUILD)
client = Mistral(api_key=os.environ["MISTRAL_API_KEY"], server_url=os.environ["MISTRAL_BASE_URL"])
file = client.files.upload(file={"file_name": "lines.jsonl", "content": content}, purpose="batch")
job = client.batch.jobs.create(input_files=[file.id], model="mistral-small-latest", endpoint="/v1/chat/completions")
work.done(work.SUBMIT)
while job.status in {"QUEUED", "RUNNING"}:
    time.sleep(1)
    job = client.batch.jobs.get(job_id=job.id)
work.deliver(work.answers_of_lines(client.files.download(file_id=str(job.output_file)).read().decode()))
work.done(work.ANSWER)
