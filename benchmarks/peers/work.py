"""The work list that a tool's script is given and the answers that it hands over: two JSON files in its folder.

A script runs in the folder of one trial. It imports nothing of this repository but this module.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROWS = Path("rows.json")
ANSWERS = Path("answers.json")
PARTS = Path("parts.jsonl")
BUILD, SUBMIT, ANSWER = "build", "submit", "answer"
"""A run's parts: the lines of the batch file, the job with what is kept of it, the answers by their rows."""

MODEL = "gpt-4o-mini"


def rows() -> dict[str, str]:
    """Return the text of each row by its id, in the order of the work list."""
    loaded: dict[str, str] = json.loads(ROWS.read_text(encoding="utf-8"))
    return loaded


def prompt(text: str) -> list[dict[str, str]]:
    """Return the messages of one row."""
    return [{"role": "user", "content": f"Name the colour of {text} in one word."}]


def openai_line(row: str, text: str) -> dict[str, Any]:
    """Return one line of an OpenAI batch file."""
    body = {"model": MODEL, "messages": prompt(text)}
    return {"custom_id": row, "method": "POST", "url": "/v1/chat/completions", "body": body}


def write_openai_lines(path: Path) -> None:
    """Write the work list as an OpenAI batch file."""
    lines = [json.dumps(openai_line(row, text)) + "\n" for row, text in rows().items()]
    path.write_text("".join(lines), encoding="utf-8")


def answers_of_lines(text: str) -> dict[str, str]:
    """Return the answers of an OpenAI or Mistral result file by custom_id."""
    found = {}
    for line in filter(None, text.splitlines()):
        entry = json.loads(line)
        body = (entry.get("response") or {}).get("body") or {}
        if "choices" in body:
            found[entry["custom_id"]] = body["choices"][0]["message"]["content"]
    return found


def deliver(answers: Mapping[str, object]) -> None:
    """Hand over the answers by row; end with status 1 if one is missing, as a script that uses them would."""
    got = {row: str(answer) for row, answer in answers.items() if answer is not None}
    temporary = ANSWERS.with_suffix(".new")
    temporary.write_text(json.dumps(got), encoding="utf-8")
    temporary.replace(ANSWERS)
    if missing := [row for row in rows() if row not in got]:
        raise SystemExit(f"{len(missing)} rows without an answer")


def recovering() -> bool:
    """Say whether the script was asked for its tool's recovery instead of the usual run."""
    return sys.argv[1:] == ["recover"]


def in_parts() -> bool:
    """Say whether the script was asked to go step by step where its tool can, rather than by its one usual call."""
    return sys.argv[1:] == ["parts"]


def done(part: str) -> None:
    """Take note of the CPU seconds that this script and all that it has run have used by the end of a part."""
    used = os.times()
    with PARTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps([part, sum(used[:4])]) + "\n")


def program(name: str) -> str:
    """Return the path of a console script of this environment."""
    return str(Path(sys.executable).with_name(name))


def call(*command: str) -> tuple[int, str]:
    """Run a tool's own command line; return its status and what it said, which is shown as it comes."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    said = []
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.decode(errors="replace"))
            print(said[-1], end="", flush=True)
    return process.returncode, "".join(said)
