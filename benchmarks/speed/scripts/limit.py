"""The limit: DuckDB turns a table into JSON lines by one SQL expression on one thread: `limit.py SQL-FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

duckdb.sql("SET threads = 1")
duckdb.sql("SET preserve_insertion_order = true")
duckdb.sql(Path(sys.argv[1]).read_text(encoding="utf-8"))
