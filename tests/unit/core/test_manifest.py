"""A manifest is the same bytes for the same lineage, fits its contract, and stays small however many files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from batchspec.core.manifest import Answers, Lineage, combined, manifest
from batchspec.core.outputs import manifest_path

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas/manifest.schema.json").read_text(encoding="utf-8"))
A, B = "a" * 64, "b" * 64
BODY = {"model": "m-2506", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def answers(*bodies: object) -> Answers:
    counted = Answers()
    for body in bodies:
        counted.add([body])
    return counted


def lineage(**changes: Any) -> Lineage:
    made = Lineage(
        version="0.1.0",
        spec="triage",
        spec_path="triage.batchspec.yaml",
        sources={"triage.batchspec.yaml": A, "prompts/p.md": B},
        commit="c" * 40,
        clean=True,
        endpoint="/v1/chat/completions",
        variants=[{"tone": "dry"}],
        replicates=2,
        revision=1,
        environment="prod",
        inputs={"data/t.csv": A},
        answers={"m": answers(BODY, BODY), "n": answers()},
        jobs=["j2", "j1"],
        output_path="results/triage.csv",
        output_sha256=B,
        counts={"succeeded": 2, "failed": 1},
    )
    return replace(made, **changes)


def told(**changes: Any) -> Any:
    document = json.loads(manifest(lineage(**changes)))
    Draft202012Validator(SCHEMA).validate(document)
    return document


def test_a_manifest_says_what_an_output_was_made_of() -> None:
    document = told()
    assert document["git"] == {"commit": "c" * 40, "clean": True}
    assert document["jobs"] == ["j1", "j2"]
    assert document["output"]["rows"] == 3
    assert document["models"] == [
        {
            "asked": "m",
            "pinned": None,
            "answered": ["m-2506"],
            "answers": 2,
            "tokens": {"input": 6, "output": 4},
            "cost_usd": None,
        },
        {
            "asked": "n",
            "pinned": None,
            "answered": [],
            "answers": 0,
            "tokens": {"input": 0, "output": 0},
            "cost_usd": 0.0,
        },
    ]
    assert document["tokens"] == {"input": 6, "output": 4}
    assert document["cost_usd"] is None


def test_the_order_in_which_things_were_met_does_not_count() -> None:
    turned = lineage(
        sources={"prompts/p.md": B, "triage.batchspec.yaml": A},
        jobs=["j1", "j2"],
        counts={"failed": 1, "succeeded": 2},
    )
    assert manifest(turned) == manifest(lineage())


def test_several_files_have_the_digest_of_their_list_as_sha256sum_prints_it() -> None:
    listed = f"{B}  prompts/p.md\n{A}  triage.batchspec.yaml\n"
    assert told()["spec"]["sha256"] == hashlib.sha256(listed.encode()).hexdigest()
    assert combined({}) == hashlib.sha256(b"").hexdigest()


def test_of_many_files_the_first_are_listed_and_all_are_digested() -> None:
    many = {f"data/{number:05}.csv": A for number in range(5_000)}
    inputs = told(inputs=many)["inputs"]
    assert (inputs["count"], len(inputs["files"]), inputs["files"][0]["path"]) == (5_000, 1_000, "data/00000.csv")
    assert inputs["sha256"] != told(inputs=many | {"data/04999.csv": B})["inputs"]["sha256"]


def test_what_is_not_known_is_null() -> None:
    document = told(commit=None, clean=None, inputs=None)
    assert document["git"] is document["inputs"] is None
    assert told(clean=None)["git"]["clean"] is None


@pytest.mark.parametrize("body", [None, [], "x", {"model": 3, "usage": {"prompt_tokens": "many"}}, {"usage": [1]}])
def test_an_answer_of_any_shape_is_counted(body: object) -> None:
    document = told(answers={"m": answers(body)})
    assert (document["answers"], document["tokens"], document["models"][0]["answered"]) == (
        1,
        {"input": 0, "output": 0},
        [],
    )


def test_a_model_that_is_named_anew_by_every_answer_does_not_fill_the_memory() -> None:
    assert len(told(answers={"m": answers(*({"model": f"m{n}"} for n in range(500)))})["models"][0]["answered"]) == 100


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("results/x.jsonl", "results/x.manifest.json"),
        ("results/x.csv", "results/x.manifest.json"),
        ("x.y.csv", "x.y.manifest.json"),
    ],
)
def test_a_manifest_lies_beside_its_output(output: str, path: str) -> None:
    assert manifest_path(output) == path
