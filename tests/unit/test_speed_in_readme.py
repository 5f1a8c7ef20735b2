"""The README's words on speed say what was measured, also where that is slower."""

from __future__ import annotations

from benchmarks.speed.in_readme import speed_in_readme

RESULTS = """\
2026-01-31, a machine, 2 cores. Made by `measuring`.

## Generated rows: requests of 1.5 KB

| stage | rows | runs | seconds | rows a second | CPU seconds | peak MB | beside | time | CPU time |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |
| by hand: first run | 1,000 | 3 | 9 | 9 | 1.000 | 27 | - | - | - |
| first run to the spool, one core | 1,000 | 3 | 9 | 9 | 9.000 | 80 | - | - | - |
| by hand: first run | 10,000 | 3 | 9 | 9 | 12.0 | 27 | - | - | - |
| first run to the spool, one core | 10,000 | 3 | 9 | 9 | 8.000 | 90 | - | - | - |
| by hand: collect and join | 1,000 | 3 | 9 | 9 | 2.000 | 30 | - | - | - |
| collect and join | 1,000 | 3 | 9 | 9 | 5.000 | 60 | - | - | - |
| results, jsonl | 1,000 | 3 | 9 | 9 | 5.000 | 60 | - | - | - |

## Real text

| by hand: first run | 99,000 | 3 | 9 | 9 | 1.000 | 27 | - | - | - |
| first run to the spool, one core | 99,000 | 3 | 9 | 9 | 1.000 | 80 | - | - | - |
"""
TOOLS = """\
| tool | version | first run: CPU seconds | the same again: CPU seconds | sent again | one row edited: sent | peak MB |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| batchspec | 0.1.0 | 11.5 | 1.7 | 0 | 1 | 161 |
| a tool | 3.7 | 2.2 | 2.3 | 100,000 | 100,000 | 275 |
"""


def test_each_work_is_told_at_its_most_rows_and_what_is_slower_is_called_so() -> None:
    told = speed_in_readme(RESULTS, TOOLS)
    assert told[0].startswith("CPU seconds and memory, 2026-01-31, a machine, 2 cores;")
    assert [line for line in told if " MB | " in line] == [
        "| first run: render, check and record every row | 10,000 | 12 s, 27 MB | 8 s, 90 MB | 1.5 times as fast |",
        "| take in the answers, join them to their rows | 1,000 | 2 s, 30 MB | 5 s, 60 MB | 2.5 times as slow |",
    ]


def test_other_tools_stand_beside_it_with_what_they_have_sent_again() -> None:
    told = speed_in_readme(RESULTS, TOOLS)
    assert told[-2:] == [
        "| batchspec | 0.1.0 | 11.5 | 1.7 | 0 | 1 |",
        "| a tool | 3.7 | 2.2 | 2.3 | 100,000 | 100,000 |",
    ]
