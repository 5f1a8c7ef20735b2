"""An `apply` with nothing to do leaves behind what lets the next one know that without rendering."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from driving import Project, chat_spec, make_project

APPLY = ("apply", "--yes", "--provider", "emulator")
ANSWER = (
    "body: {response_format: {type: json_schema, json_schema: {name: a, schema:"
    " {type: object, properties: {n: {type: integer}}, required: [n]}}}}\n"
)
KINDS = {
    "plain": {"demo": chat_spec()},
    "checked answers": {"demo": chat_spec().replace("body: {max_tokens: 20}\n", ANSWER)},
    "answers asked for again": {
        "demo": chat_spec(extra="response: {on_invalid: retry}\n").replace("body: {max_tokens: 20}\n", ANSWER)
    },
    "a matrix": {"demo": chat_spec(extra="matrix: {tone: [dry, warm]}\nreplicates: 2\n")},
    "inline": {"demo": chat_spec(extra="submit: inline\n")},
    "a pipeline": {
        "demo": chat_spec(),
        "second": chat_spec("second", inputs="{spec: demo, as: said}").replace("row.word", "row.said.text"),
    },
}


def remembered(project: Project) -> set[str]:
    path = project.root / ".batchspec/emulator/state.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
        kept = {name for (name,) in state.execute("SELECT spec FROM plan_memo")}
    # Sums of what was used are kept there too, and one row that counts changes.
    return {name for name in kept if name and " " not in name}


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_settled_is_remembered_by_the_next_apply(tmp_path: Path, kind: str, jobs: str) -> None:
    project = make_project(tmp_path / "project")
    for name, text in KINDS[kind].items():
        project.write(f"{name}.batchspec.yaml", text)
    assert project.run(*APPLY, "--wait").code == 0
    for _ in range(2):
        again = project.run(*APPLY, "--jobs", jobs)
        assert (again.code, "nothing was sent" in again.err + again.out) == (0, True)
        assert remembered(project) == KINDS[kind].keys()
    project.write("rows.csv", "id,word\nr0,other\n")
    assert project.run("plan", "--detailed-exitcode", "--provider", "emulator").code == 2
