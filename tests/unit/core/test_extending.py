"""Files that are extended: read beside the file that names them, within bounds, and with their faults told in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import InvalidInputError
from batchspec.core.extending import MAX_DEPTH, MAX_FILES, environments_of, extended
from batchspec.core.source import SourceDocument, load_source
from batchspec.project.files import RootedFiles
from batchspec.report.diagnostics import render_diagnostics

GOLDEN = Path(__file__).parent / "golden-extends"
SPEC = "specs/a.batchspec.yaml"
HEAD = "batchspec: 1\nname: a\n"
CASES: dict[str, dict[str, str]] = {
    "missing": {SPEC: HEAD + "extends: bse.yaml\n", "specs/base.yaml": "model: m\n"},
    "outside": {SPEC: HEAD + "extends: [../../base.yaml, /etc/passwd]\n"},
    "cycle": {
        SPEC: HEAD + "extends: ../b.yaml\n",
        "b.yaml": "extends: [c.yaml]\n",
        "c.yaml": "model: m\nextends: b.yaml\n",
    },
    "itself": {SPEC: HEAD + "extends: a.batchspec.yaml\n"},
    "list": {SPEC: HEAD + "extends: rows.yaml\n", "specs/rows.yaml": "- a: 1\n"},
    "base-says-it-wrong": {SPEC: HEAD + "extends: b.yaml\n", "specs/b.yaml": "extends:\n  file: c.yaml\n"},
    "not-yaml": {SPEC: HEAD + "extends: [b.yaml, c.yaml]\n", "specs/b.yaml": "a: [1\n", "specs/c.yaml": "b: 1\nb: 2\n"},
    "too-deep": {
        SPEC: HEAD + "extends: ../b0.yaml\n",
        **{f"b{number}.yaml": f"extends: b{number + 1}.yaml\n" for number in range(MAX_DEPTH)},
        f"b{MAX_DEPTH}.yaml": "model: m\n",
    },
    "too-many": {
        SPEC: HEAD + "extends:\n" + "  - b.yaml\n" * (MAX_FILES + 3),
        "specs/b.yaml": "model: m\n",
    },
    "too-large": {
        SPEC: HEAD + "extends: [b.yaml, c.yaml, d.yaml]\n",
        **{f"specs/{name}.yaml": "x: " + "y" * 8_000_000 for name in "bcd"},
    },
    "too-much-to-merge": {
        SPEC: HEAD + "extends:\n" + "".join(f"  - {number}.yaml\n" for number in range(30)),
        "specs/0.yaml": "vars:\n" + "".join(f"  k{number}: 1\n" for number in range(20_000)),
        **{f"specs/{number}.yaml": "vars: {a: 1}\n" for number in range(1, 30)},
    },
    "too-many-values": {
        SPEC: HEAD + "extends: [b.yaml, c.yaml]\n",
        **{f"specs/{name}.yaml": f"{name}: [{'1,' * 260_000}]\n" for name in "bc"},
    },
}


def read(root: Path, files: dict[str, str]) -> SourceDocument:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return extended(load_source(files[SPEC], SPEC), RootedFiles(root))


def findings(root: Path, files: dict[str, str]) -> Iterable[Diagnostic]:
    with pytest.raises(InvalidInputError) as caught:
        read(root, files)
    return caught.value.diagnostics


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_extended_is_told_where_it_is_named(
    case: str, tmp_path: Path, golden: Callable[[Path, str], None]
) -> None:
    golden(GOLDEN / f"{case}.txt", render_diagnostics(findings(tmp_path, CASES[case]), colour=False))


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == CASES.keys()


def test_the_later_base_stands_over_the_earlier_and_the_spec_over_all(tmp_path: Path) -> None:
    whole = read(
        tmp_path,
        {
            SPEC: HEAD + "extends: [../one.yaml, ../lib/two.yaml]\nbody: {c: spec}\nx-own: 1\n",
            "one.yaml": "name: one\nbatchspec: 1\nx-one: 1\nmodel: m\nbody: {a: one, b: one, c: one}\n",
            "lib/two.yaml": "extends: three.yaml\nbody: {b: two, c: two}\n",
            "lib/three.yaml": "body: {b: three, d: three}\nmodel: n\n",
        },
    )
    assert whole.value == {
        "batchspec": 1,
        "name": "a",
        "extends": ["../one.yaml", "../lib/two.yaml"],
        "model": "n",
        "body": {"a": "one", "b": "two", "c": "spec", "d": "three"},
        "x-own": 1,
    }
    assert whole.path_at(("body", "d")) == "lib/three.yaml"
    assert whole.path_at(("body", "b")) == "lib/two.yaml"
    assert whole.path_at(("body", "c")) == SPEC


def test_files_may_share_what_they_extend(tmp_path: Path) -> None:
    whole = read(
        tmp_path,
        {
            SPEC: HEAD + "extends: [b.yaml, c.yaml]\n",
            "specs/b.yaml": "extends: d.yaml\nbody: {b: 1}\n",
            "specs/c.yaml": "extends: d.yaml\nbody: {c: 1}\n",
            "specs/d.yaml": "body: {b: 0, c: 0, d: 0}\n",
        },
    )
    # Each file counts once, so that the second brings no base along that would stand over the first.
    assert whole.value_at(("body",)) == {"b": 1, "c": 1, "d": 0}


def test_files_may_extend_one_another_to_the_bound(tmp_path: Path) -> None:
    chain = {f"b{number}.yaml": f"extends: b{number + 1}.yaml\n" for number in range(MAX_DEPTH - 1)}
    whole = read(tmp_path, {SPEC: HEAD + "extends: ../b0.yaml\n", **chain, f"b{MAX_DEPTH - 1}.yaml": "model: m\n"})
    assert whole.value_at(("model",)) == "m"


def test_environments_are_inherited_and_changed(tmp_path: Path) -> None:
    whole = read(
        tmp_path,
        {
            SPEC: HEAD + "extends: b.yaml\nenvironments: {dev: {replicates: 2}, own: {}}\n",
            "specs/b.yaml": "environments: {dev: {model: m, replicates: 3}, prod: {model: n}}\n",
        },
    )
    assert environments_of(whole) == ("dev", "prod", "own")
    assert whole.value_at(("environments", "dev")) == {"model": "m", "replicates": 2}


@pytest.mark.parametrize("text", ["- 1\n", HEAD, HEAD + "extends: 3\n", HEAD + "extends: [1, '']\n"])
def test_what_the_schema_refuses_is_left_to_it(text: str, tmp_path: Path) -> None:
    document = load_source(text, SPEC)
    assert extended(document, RootedFiles(tmp_path)) is document


def test_a_variable_may_be_named_file(tmp_path: Path) -> None:
    value = read(
        tmp_path, {SPEC: HEAD + "extends: b.yaml\nvars: {n: 2}\n", "specs/b.yaml": "vars: {file: one}\n"}
    ).value
    assert isinstance(value, dict)
    assert value["vars"] == {"file": "one", "n": 2}


@pytest.mark.parametrize(("text", "user"), [("hi", "hi"), ("{file: p.md}", {"file": "p.md"})])
def test_a_text_is_the_users_part_of_a_prompt_by_roles(tmp_path: Path, text: str, user: object) -> None:
    value = read(
        tmp_path, {SPEC: HEAD + "extends: b.yaml\nprompt: {system: s}\n", "specs/b.yaml": f"prompt: {text}\n"}
    ).value
    assert isinstance(value, dict)
    assert value["prompt"] == {"user": user, "system": "s"}


def test_a_base_of_another_version_of_the_language_is_refused(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, {SPEC: HEAD + "extends: b.yaml\n", "specs/b.yaml": "batchspec: 2\n"})
    assert (found.code, found.location.path) == ("not-allowed-value", "specs/b.yaml")
