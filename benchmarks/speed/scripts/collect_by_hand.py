"""By hand, answers to a table: `collect_by_hand.py TABLE KEY {fetch|again} OUT`, as a user would write it.

`fetch` downloads the result files of every job first; `again` takes those that lie here already.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import requests

table, key, verb, out = sys.argv[1:]
folder = Path("answers")
folder.mkdir(exist_ok=True)
if verb == "fetch":
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {os.environ['MISTRAL_API_KEY']}"
    base = f"{os.environ['MISTRAL_BASE_URL']}/v1"
    for job in api.get(f"{base}/batch/jobs", params={"page_size": 100}).json()["data"]:
        with api.get(f"{base}/files/{job['output_file']}/content", stream=True) as answer:
            (folder / f"{job['id']}.jsonl").write_bytes(answer.content)
answers = {}
for path in folder.iterdir():
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            answers[entry["custom_id"]] = entry["response"]["body"]["choices"][0]["message"]["content"]
with open(table, encoding="utf-8", newline="") as rows:
    joined = ({**row, "answer": answers.get(row[key])} for row in csv.DictReader(rows))
    if out.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(joined)), out)
    else:
        with open(out, "w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in joined)
