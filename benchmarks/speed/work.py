"""The work that is measured: tables of generated text, a spec over them, and the script that does the same by hand."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SPEC = """\
batchspec: 1
name: tickets
model: mistral-small-latest
inputs: tickets.csv
custom_id: "{{ row.id }}"
prompt:
  system: |-
    You route support tickets. Answer with one queue, and say why in at most twenty words.
    The queues are billing, shipping, returns, accounts and other.
  user: |-
    From: {{ row.name }}
    Subject: {{ row.subject }}

    {{ row.text }}
body:
  temperature: 0
  max_tokens: 200
  response_format:
    type: json_schema
    json_schema:
      name: route
      schema:
        type: object
        properties: {queue: {type: string}, why: {type: string}}
        required: [queue, why]
limits: {requests_per_job: 1000000}
"""

BY_HAND = '''\
import csv, hashlib, json, sqlite3
import jinja2

system = """You route support tickets. Answer with one queue, and say why in at most twenty words.
The queues are billing, shipping, returns, accounts and other."""
user = jinja2.Template("From: {{ row.name }}\\nSubject: {{ row.subject }}\\n\\n{{ row.text }}")
schema = {"type": "object", "properties": {"queue": {"type": "string"}, "why": {"type": "string"}},
          "required": ["queue", "why"]}
sent = sqlite3.connect("sent.db")
sent.execute("CREATE TABLE IF NOT EXISTS sent (digest BLOB PRIMARY KEY) WITHOUT ROWID")
with open("tickets.csv", encoding="utf-8", newline="") as table, open("batch.jsonl", "w", encoding="utf-8") as batch:
    for row in csv.DictReader(table):
        body = {
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user.render(row=row)}],
            "temperature": 0,
            "max_tokens": 200,
            "response_format": {"type": "json_schema", "json_schema": {"name": "route", "schema": schema}},
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
        if sent.execute("INSERT OR IGNORE INTO sent VALUES (?)", (digest,)).rowcount:
            batch.write(json.dumps({"custom_id": row["id"], "body": body}, ensure_ascii=False) + "\\n")
sent.commit()
'''

_WORDS = ("parcel", "invoice", "refund", "order", "delay", "naïve", "Größe", "配送", "🚚", "again", "broken", "please")
_EDITED = "edited by hand"


def write_work(folder: Path, rows: int) -> None:
    """Write the project and its table: `rows` rows that make requests of about 1.5 KB, quotes and newlines in them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batchspec.toml").write_text('[project]\nid = "00000000-0000-4000-8000-0000000000be"\n', encoding="utf-8")
    (folder / "tickets.batchspec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "by_hand.py").write_text(BY_HAND, encoding="utf-8")
    draw = random.Random(rows)
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["id", "name", "subject", "text", "note"])
        for number in range(rows):
            table.writerow(_row(number, draw))


def _row(number: int, draw: random.Random) -> tuple[str, str, str, str, str]:
    words = draw.choices(_WORDS, k=60)
    text = f'"{words[0]}", said the customer of order {number}.\n' + " ".join(words)
    return f"T-{number}", f"Customer {number}", " ".join(words[:5]), text, str(draw.random())


def edit_one(folder: Path) -> None:
    """Change the text of one row in the middle of the table."""
    path = folder / "tickets.csv"
    lines = path.read_text(encoding="utf-8").split("Customer ")
    middle = len(lines) // 2
    lines[middle] = lines[middle].replace("order", _EDITED, 1)
    path.write_text("Customer ".join(lines), encoding="utf-8")
