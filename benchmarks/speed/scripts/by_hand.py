"""By hand, a table to a batch file: `by_hand.py TABLE TEMPLATES {render|send}`, as a user would write it.

`render` writes every row; `send` keeps a digest of each in SQLite and writes only what is not there yet.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import sys

import jinja2

table, templates, verb = sys.argv[1:]
with open(templates, encoding="utf-8") as stream:
    told = json.load(stream)
user = jinja2.Template(told["user"])
sent = sqlite3.connect("sent.db")
sent.execute("CREATE TABLE IF NOT EXISTS sent (digest BLOB PRIMARY KEY) WITHOUT ROWID")
with (
    open(table, encoding="utf-8", newline="") as rows,
    open("by_hand.jsonl", "w", encoding="utf-8") as batch,
):
    for row in csv.DictReader(rows):
        messages = [{"role": "system", "content": told["system"]}, {"role": "user", "content": user.render(row=row)}]
        body = {"messages": messages, **told["body"]}
        if verb == "send":
            digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
            if not sent.execute("INSERT OR IGNORE INTO sent VALUES (?)", (digest,)).rowcount:
                continue
        batch.write(json.dumps({"custom_id": row[told["key"]], "body": body}, ensure_ascii=False) + "\n")
sent.commit()
