"""The whole of WordNet's glosses through two models: 235,318 results, each right, nothing sent twice."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from driving import Project

from batchspec.core.canonical import canonical
from batchspec.core.json_text import parse
from batchspec.emulator.answers import answer

# Not a part of this project: it may lie in a folder beside it, whole.
BESIDE = Path(__file__).parents[3].glob("*/data/wordnet-glosses.csv")
GLOSSES = next((path for path in BESIDE if path.stat().st_size == 13_632_807), Path("wordnet-glosses.csv"))
MODELS = ("mistral-small-latest", "ministral-8b-latest")
ENDPOINT = "/v1/chat/completions"
SPEC = """\
batchspec: 1
name: glosses
models: [mistral-small-latest, ministral-8b-latest]
inputs: glosses.csv
custom_id: "{{ row.synset_id }}"
prompt:
  system: You simplify dictionary entries.
  user: |-
    Explain the {{ row.part_of_speech }} "{{ row.words }}" to a child.
    The dictionary says: {{ row.gloss }}
body: {temperature: 0, max_tokens: 100}
"""
EMULATED = ("--provider", "emulator")


def peak_megabytes(project: Project, *arguments: str) -> float:
    """Run a command that must end well, and return its peak memory."""
    process = subprocess.Popen(
        [sys.executable, "-m", "batchspec", *arguments], cwd=project.root, env=project.environment(), stdout=sys.stderr
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def expected_body(row: dict[str, str]) -> dict[str, object]:
    user = f'Explain the {row["part_of_speech"]} "{row["words"]}" to a child.\nThe dictionary says: {row["gloss"]}'
    messages = [{"role": "system", "content": "You simplify dictionary entries."}, {"role": "user", "content": user}]
    return {"messages": messages, "temperature": 0, "max_tokens": 100}


@pytest.mark.slow
@pytest.mark.skipif(not GLOSSES.exists(), reason="the WordNet glosses are not on this machine")
def test_every_gloss_is_answered_by_both_models_and_an_edit_costs_two_requests(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("glosses.batchspec.yaml", SPEC)
    shutil.copy(GLOSSES, tmp_path / "glosses.csv")
    whole = peak_megabytes(project, "apply", *EMULATED, "--yes", "--wait")

    with (tmp_path / "glosses.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 117_659
    spot = random.Random(7)
    with (tmp_path / "results/glosses.jsonl").open("rb") as stream:
        count = 0
        for count, line in enumerate(stream, 1):
            if spot.random() > 0.02:
                continue
            told, row = parse(line), rows[(count - 1) // 2]
            assert isinstance(told, dict)
            model = MODELS[(count - 1) % 2]
            assert (told["custom_id"], told["model"], told["status"]) == (row["synset_id"], model, "succeeded")
            assert told["row"] == row
            body = parse(canonical(expected_body(row)))
            assert isinstance(body, dict)
            assert told["response"] == answer(ENDPOINT, model, body)
    assert count == 235_318

    again = project.run("apply", *EMULATED, "--yes", "--wait", "--json", timeout=300)
    assert again.document["sent"] == {"jobs": 0, "requests": 0}
    edited = (tmp_path / "glosses.csv").read_text(encoding="utf-8").replace("a general concept", "A general concept", 1)
    project.write("glosses.csv", edited)
    edit = project.run("apply", *EMULATED, "--yes", "--wait", "--json", timeout=300)
    assert edit.document["sent"] == {"jobs": 2, "requests": 2}

    small = Project(tmp_path / "small")
    small.write("glosses.batchspec.yaml", SPEC)
    small.write("glosses.csv", "".join(edited.splitlines(keepends=True)[:10_001]))
    part = peak_megabytes(small, "apply", *EMULATED, "--yes", "--wait")
    print(json.dumps({"peak_mb": {"10,000 rows": round(part), "117,659 rows": round(whole)}}))
    # A job's own requests are looked up in memory, and a job holds at most 100,000: that is all that may grow.
    assert whole - part < 100
