"""The calls for notebooks: the same as the command line, over the same state."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from driving import PROJECT_ID, Project

import batchspec

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "notebooks.md"
SPEC = """batchspec: 1
name: colours
model: mistral-small-latest
inputs: rows.csv
custom_id: "{{ row.id }}"
vars:
  language: English
prompt: "In {{ vars.language }}: what colour is {{ row.thing }}?"
body:
  max_tokens: 10
"""
ROWS = "id,thing\n1,a plum\n2,a pear\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MISTRAL_API_KEY", "MISTRAL_BASE_URL", "BATCHSPEC_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    project.write("specs/colours.batchspec.yaml", SPEC)
    project.write("specs/rows.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    return project


def loaded(**more: object) -> batchspec.Project:
    return batchspec.load("specs", provider="emulator", **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("folder")
def test_every_block_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert out.startswith("2 True\n1 [emulated")
    assert "\n2\n" in out
    assert "nowhere" in out.splitlines()[-1]


def test_a_plan_is_the_command_lines_and_what_is_applied_is_known_there(folder: Project) -> None:
    project = loaded()
    assert project.specs == ("colours",)
    assert repr(project) == f"<Project {folder.root}: colours>"
    plan = project.plan()
    told = folder.run("plan", "--json", "--provider", "emulator").document
    assert plan.to_dict() == {key: value for key, value in told.items() if key != "models"}
    assert (plan.requests, bool(plan)) == (2, True)
    assert plan.cost_usd is not None
    assert plan.cost_usd > Decimal(0)
    done = project.apply(plan, wait=True)
    assert (done.requests, done.jobs, done.converged) == (2, 1, True)
    assert folder.run("plan", "--json", "--provider", "emulator").document["summary"]["submit"] == 0
    assert not project.plan()
    assert project.status().converged
    lines = (folder.root / "specs" / "results" / "colours.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(project.results()) == 2


@pytest.mark.usefixtures("folder")
def test_nothing_is_sent_without_an_approval() -> None:
    project = loaded()
    asked: list[int] = []

    def decline(plan: batchspec.Plan) -> bool:
        asked.append(plan.requests)
        return False

    calls: list[Callable[[], object]] = [
        project.apply,
        lambda: project.apply(False),
        lambda: project.apply(decline),
    ]
    for call in calls:
        with pytest.raises(batchspec.NotApprovedError, match="2 requests would be sent"):
            call()
    assert asked == [2]
    assert project.plan().requests == 2


def test_a_plan_that_is_not_what_there_is_to_send_any_more_sends_nothing(folder: Project) -> None:
    project = loaded()
    plan = project.plan()
    folder.write("specs/rows.csv", ROWS.replace("a plum", "a fig"))
    with pytest.raises(batchspec.StaleError):
        project.apply(plan)
    assert project.plan().requests == 2
    assert project.apply(project.plan(), wait=True).requests == 2
    empty = project.plan()
    folder.write("specs/rows.csv", ROWS)
    with pytest.raises(batchspec.NotApprovedError):
        project.apply(empty)


@pytest.mark.usefixtures("folder")
def test_a_limit_holds() -> None:
    with pytest.raises(batchspec.LimitError):
        loaded().apply(True, max_requests=1)
    with pytest.raises(batchspec.LimitError):
        loaded().apply(True, max_cost_usd=0)


@pytest.mark.usefixtures("folder")
def test_variables_may_be_of_any_type() -> None:
    before = loaded()
    before.apply(True, wait=True)
    assert loaded(variables={"language": "English"}).plan().requests == 0
    assert loaded(variables={"language": "French"}).plan().requests == 2


@pytest.mark.usefixtures("folder")
def test_results_may_be_gone_through_by_two_at_once_and_as_a_table() -> None:
    project = loaded()
    project.apply(True, wait=True)
    results = project.results("colours")
    pairs = list(zip(results, results, strict=True))
    assert [one["custom_id"] for one, _ in pairs] == [other["custom_id"] for _, other in pairs] == ["1", "2"]
    assert repr(results) == "<Results of colours: 2 rows>"
    assert len(project.results(failed=True)) == 0
    pytest.importorskip("pyarrow")
    table = results.to_arrow()
    assert table.column_names == list(results.columns)
    assert table.column("text").to_pylist() == [record["text"] for record in results]
    assert project.results(failed=True).to_arrow().num_rows == 0


@pytest.mark.usefixtures("folder")
def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(batchspec.BatchspecError) as raised:
        loaded().results().to_polars()
    assert raised.value.hint == "pip install 'batchspec[polars]'"


@pytest.mark.usefixtures("folder")
def test_without_a_key_the_way_out_is_told() -> None:
    with pytest.raises(batchspec.AccessError) as raised:
        batchspec.load("specs").apply(True)
    assert any("MISTRAL_API_KEY" in note for note in raised.value.__notes__)


def test_several_specs_want_a_name(folder: Project) -> None:
    folder.write("specs/more.batchspec.yaml", SPEC.replace("name: colours", "name: more"))
    project = loaded()
    with pytest.raises(batchspec.InvalidInputError, match="several specs"):
        project.results()
    with pytest.raises(batchspec.InvalidInputError, match="no spec `mor`"):
        project.results("mor")
    assert len(project.results("more")) == 2


def test_a_spec_that_is_wrong_says_all_that_is(folder: Project) -> None:
    folder.write("specs/colours.batchspec.yaml", SPEC.replace("model:", "modle:").replace("prompt:", "promt:"))
    with pytest.raises(batchspec.InvalidInputError) as raised:
        loaded()
    assert "unknown-key" in {found.code for found in raised.value.diagnostics}
    told = "\n".join(raised.value.__notes__)
    assert "specs/colours.batchspec.yaml:3:1: error[unknown-key]: unknown key `modle`" in told
    assert "help: did you mean `model`?" in told


def test_a_plan_shows_itself_in_a_notebook_as_text_that_runs_nothing(folder: Project) -> None:
    folder.write("specs/colours.batchspec.yaml", SPEC + 'matrix: {tone: ["<script>", calm]}\n')
    shown = loaded().plan()._repr_html_()
    assert shown.startswith("<pre>colours")
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown


def test_importing_the_package_imports_nothing_of_this() -> None:
    code = "import sys, batchspec; assert 'batchspec.api' not in sys.modules; batchspec.load; print(dir(batchspec))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "'load'" in told.stdout
    with pytest.raises(AttributeError, match="no attribute `laod`"):
        batchspec.laod  # noqa: B018
