"""Costs before and after: an example's estimate is what its usage comes to; limits stop before any call."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from driving import PROJECT_ID, Project, chat_spec, make_project, table

from batchspec.emulator.ledger import summary

EXAMPLES = Path(__file__).parents[2] / "examples"
EMULATOR = ("--provider", "emulator")
COUNTED = ("two-models", "embeddings", "fim")


def variants(document: Any) -> list[dict[str, Any]]:
    return [variant for spec in document["specs"] for variant in spec["variants"]]


def nothing_happened(project: Project) -> bool:
    data = project.root / ".batchspec/emulator/data"
    if not data.exists():
        return True
    told = summary(data)
    return (told.executions, told.jobs, told.uploads) == (0, 0, 0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, rows=3)


@pytest.mark.parametrize("name", COUNTED)
def test_the_estimated_input_of_an_example_is_what_its_answers_used(tmp_path: Path, name: str) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results", ".*"))
    project = Project(tmp_path)
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    planned = project.run("plan", "--json", *EMULATOR).document
    project.run("apply", "--yes", "--wait", *EMULATOR)
    used = project.run("status", "--json", *EMULATOR).document
    estimated = {(spec["name"], each["model"]): each for spec in planned["specs"] for each in spec["variants"]}
    assert len(used["used"]) == len(estimated)
    for each in used["used"]:
        before = estimated[each["spec"], each["model"]]
        assert each["tokens"]["input"] == before["tokens"]["input"]
        assert not before["tokens"]["estimated"]
        assert each["tokens"]["output"] <= before["tokens"]["max_output"]
        assert 0 < each["cost_usd"] <= before["max_cost_usd"]
    assert 0 < used["used_cost_usd"] <= planned["summary"]["cost_usd"]


def test_the_estimated_cost_is_the_real_one_to_the_last_digit_where_the_bound_is_used_up(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=20)
    # Every answer of the emulator is longer than that, so that each of them is cut at the bound.
    project.write("demo.batchspec.yaml", chat_spec().replace("max_tokens: 20", "max_tokens: 5"))
    planned = project.run("plan", "--json", "--exact-tokens", *EMULATOR).document
    project.run("apply", "--yes", "--wait", *EMULATOR)
    used = project.run("status", "--json", *EMULATOR).document
    assert used["used"][0]["tokens"]["output"] == 100
    assert used["used_cost_usd"] == planned["summary"]["cost_usd"] > 0
    told = used["used"][0]["tokens"]
    by_hand = (Decimal(told["input"]) * Decimal("0.15") + 100 * Decimal("0.6")) / 1_000_000 / 2
    assert Decimal(str(used["used_cost_usd"])) == by_hand


def test_an_example_with_a_matrix_and_replicates_uses_the_input_and_costs_what_its_plan_says(tmp_path: Path) -> None:
    folder = EXAMPLES / "compare-prompts"
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results", ".*"))
    project = Project(tmp_path)
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    spec = (tmp_path / "compare-prompts.batchspec.yaml").read_text(encoding="utf-8")
    assert "max_tokens: 100" in spec
    # Every answer of the emulator is longer than that, so that the bound is what it comes to.
    project.write("compare-prompts.batchspec.yaml", spec.replace("max_tokens: 100", "max_tokens: 5"))
    planned = project.run("plan", "--json", "--exact-tokens", *EMULATOR).document
    told = project.run("apply", "--yes", "--wait", "--json", *EMULATOR)
    assert told.code == 0, told.err
    used = project.run("status", "--json", *EMULATOR).document
    tokens = [variant["tokens"] for variant in variants(planned)]
    assert len(tokens) == 3
    assert {variant["replicates"] for variant in variants(planned)} == {2}
    assert not any(each["estimated"] or each["margin"] for each in tokens)
    [total] = used["used"]
    assert total["answers"] == planned["summary"]["submit"] == told.document["sent"]["requests"]
    assert total["tokens"]["input"] == sum(each["input"] for each in tokens)
    assert total["tokens"]["output"] == sum(each["max_output"] for each in tokens) == 5 * total["answers"]
    assert used["used_cost_usd"] == planned["summary"]["cost_usd"] > 0


def test_earlier_answers_tell_what_later_ones_are_expected_to_cost(project: Project) -> None:
    project.run("apply", "--yes", "--wait", *EMULATOR)
    project.write("rows.csv", table(4))
    [variant] = variants(project.run("plan", "--json", *EMULATOR).document)
    used = project.run("status", "--json", *EMULATOR).document["used"][0]["tokens"]
    assert variant["submit"] == 1
    assert variant["tokens"]["expected_output"] == -(-used["output"] // 3)
    assert 0 < variant["expected_cost_usd"] <= variant["max_cost_usd"] == variant["cost_usd"]


@pytest.mark.parametrize("where", ["option", "spec", "defaults"])
def test_a_plan_that_may_cost_more_than_its_limit_is_not_sent(tmp_path: Path, where: str) -> None:
    project = make_project(tmp_path, extra="limits: {max_cost_usd: 0.000001}\n" if where == "spec" else "")
    if where == "defaults":
        settings = f'[project]\nid = "{PROJECT_ID}"\n[defaults]\nlimits.max_cost_usd = 0.000001\n'
        project.write("batchspec.toml", settings)
    option = ("--max-cost-usd", "0.000001") if where == "option" else ()
    told = project.run("apply", "--yes", "--wait", *option, *EMULATOR)
    assert told.code == 9
    assert "allows $0.000001" in told.err
    assert "nothing was sent" in told.err
    assert nothing_happened(project)


def test_a_plan_within_its_limit_is_sent_and_an_unchanged_one_is_within_any(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait", "--max-cost-usd", "1", *EMULATOR).code == 0
    assert project.run("apply", "--yes", "--max-cost-usd", "0", *EMULATOR).code == 0


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("mistral-small-latest", "a-model-of-tomorrow", "--prices FILE"),
        ("max_tokens: 20", "temperature: 0", "give `max_tokens`"),
        ("/v1/chat", "/v1/ocr", "send a few first"),
    ],
)
def test_a_cost_that_is_not_known_stops_where_a_limit_is_set(tmp_path: Path, old: str, new: str, hint: str) -> None:
    project = make_project(tmp_path)
    spec = chat_spec().replace(old, new)
    if new == "/v1/ocr":
        spec = (
            "batchspec: 1\nname: demo\nmodel: mistral-ocr-latest\nendpoint: /v1/ocr\ninputs: rows.csv\n"
            'body: {document: {document_url: "https://example.com/{{ row.id }}.pdf"}}\n'
        )
    project.write("demo.batchspec.yaml", spec)
    told = project.run("apply", "--yes", "--max-cost-usd", "100", *EMULATOR)
    assert told.code == 9
    assert hint in told.err
    assert nothing_happened(project)
    [variant] = variants(project.run("plan", "--json", *EMULATOR).document)
    assert variant["cost_usd"] is None


def test_prices_of_ones_own_give_a_cost_before_and_after(project: Project) -> None:
    project.write("demo.batchspec.yaml", chat_spec().replace("mistral-small-latest", "a-model-of-tomorrow"))
    project.write("prices.yaml", "prices: 1\nas_of: 2026-09-01\nmodels: [{names: [a-model-*], input: 2, output: 4}]\n")
    own = ("--prices", "prices.yaml")
    [variant] = variants(project.run("plan", "--json", *own, *EMULATOR).document)
    assert (variant["prices_as_of"], variant["cost_usd"] > 0) == ("2026-09-01", True)
    assert project.run("apply", "--yes", "--wait", "--max-cost-usd", "1", *own, *EMULATOR).code == 0
    assert project.run("status", "--json", *own, *EMULATOR).document["used_cost_usd"] > 0
    assert project.run("status", "--json", *EMULATOR).document["used_cost_usd"] is None
    assert "?" in project.run("status", *EMULATOR).out


def test_a_price_table_that_is_wrong_is_told_with_its_place_before_anything_is_done(project: Project) -> None:
    project.write("prices.yaml", "prices: 1\nas_of: 2026-09-01\nmodels: [{names: [m], inputs: 2}]\n")
    told = project.run("apply", "--yes", "--prices", "prices.yaml", *EMULATOR)
    assert told.code == 3
    assert "prices.yaml:3:23: error[unknown-key]" in told.err
    told = project.run("plan", "--prices", "nowhere.yaml", *EMULATOR)
    assert told.code == 3
    assert "`nowhere.yaml` cannot be read" in told.err
    assert nothing_happened(project)


def test_a_plan_without_the_provider_and_without_the_models_tokeniser_says_that_it_estimates(project: Project) -> None:
    told = project.run("plan", "--no-refresh")
    assert "at most ~$" in told.out
    assert "# tokens     ~" in told.out
    [variant] = variants(project.run("plan", "--no-refresh", "--json").document)
    assert variant["tokens"]["estimated"]


def test_pages_and_sound_are_told_by_their_answers(tmp_path: Path) -> None:
    for name in ("ocr", "transcriptions"):
        shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("results", ".*"))
    project = Project(tmp_path)
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    project.run("apply", "--yes", "--wait", *EMULATOR)
    used = project.run("status", "--json", *EMULATOR).document["used"]
    assert {each["model"] for each in used} == {"mistral-ocr-latest", "voxtral-mini-latest"}
    for each in used:
        assert each["cost_usd"] > 0
        assert each["pages" if "ocr" in each["model"] else "audio_seconds"] > 0


def test_a_manifest_tells_what_its_answers_have_cost_as_status_does(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=3, BATCHSPEC_PROVIDER="emulator")
    assert project.run("apply", "--yes", "--wait").code == 0
    told = json.loads((project.root / "results/demo.manifest.json").read_text(encoding="utf-8"))
    (spent,) = project.run("status", "--json").document["used"]
    assert told["cost_usd"] == told["models"][0]["cost_usd"] == pytest.approx(spent["cost_usd"])
    assert told["cost_usd"] > 0
    before = (project.root / "results/demo.manifest.json").read_bytes()
    assert project.run("results").code == 0
    assert (project.root / "results/demo.manifest.json").read_bytes() == before
