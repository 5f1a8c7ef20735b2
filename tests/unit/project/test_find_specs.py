"""Which files PATHS mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchspec.core.errors import InvalidInputError
from batchspec.project.specs import find_specs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for path in (
        "batchspec.yaml",
        "b.batchspec.yaml",
        "specs/a.batchspec.yaml",
        "specs/deep/batchspec.yaml",
        "specs/other.yaml",
        ".hidden/x.batchspec.yaml",
        "node_modules/x.batchspec.yaml",
        ".venv/x.batchspec.yaml",
        ".x.batchspec.yaml",
    ):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).touch()
    return project


def problem(root: Path, start: Path, *paths: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        find_specs(root, start, [Path(path) for path in paths])
    return caught.value


def test_the_default_is_the_start_folder_and_all_below_it(root: Path) -> None:
    everything = ["b.batchspec.yaml", "batchspec.yaml", "specs/a.batchspec.yaml", "specs/deep/batchspec.yaml"]
    assert find_specs(root, root, []) == everything
    assert find_specs(root, root / "specs", []) == everything[2:]


def test_paths_are_relative_to_the_start_and_each_spec_is_named_once(root: Path) -> None:
    paths = [Path("deep"), Path("../specs"), root / "b.batchspec.yaml", Path("a.batchspec.yaml")]
    assert find_specs(root, root / "specs", paths) == [
        "b.batchspec.yaml",
        "specs/a.batchspec.yaml",
        "specs/deep/batchspec.yaml",
    ]


def test_a_file_named_by_hand_may_have_any_name_and_a_folder_may_be_hidden(root: Path) -> None:
    assert find_specs(root, root, [Path("specs/other.yaml")]) == ["specs/other.yaml"]
    assert find_specs(root, root, [Path(".hidden")]) == [".hidden/x.batchspec.yaml"]


def test_a_path_that_does_not_exist_gets_the_nearest_name(root: Path) -> None:
    error = problem(root, root, "specs/aa.batchspec.yaml")
    assert "there is no file or folder" in error.summary
    assert error.hint == "did you mean `specs/a.batchspec.yaml`?"


def test_a_path_outside_the_root_is_refused_as_file_folder_and_symlink(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "x.batchspec.yaml").touch()
    (root / "specs" / "leak.batchspec.yaml").symlink_to(outside / "x.batchspec.yaml")
    for path in ("../outside", "../outside/x.batchspec.yaml", "specs/leak.batchspec.yaml", "specs"):
        assert "outside" in (error := problem(root, root, path)).summary or "leaves" in error.summary


def test_a_symlink_inside_the_root_keeps_its_own_name(root: Path) -> None:
    (root / "specs" / "same.batchspec.yaml").symlink_to("other.yaml")
    assert find_specs(root, root, [Path("specs/same.batchspec.yaml")]) == ["specs/same.batchspec.yaml"]


def test_a_folder_without_specs_says_how_to_name_one(root: Path) -> None:
    (root / "empty").mkdir()
    error = problem(root, root, "empty")
    assert "there are no specs in `empty`" in error.summary
    assert "batchspec init" in (error.hint or "")


def test_a_yml_suffix_is_pointed_out(root: Path) -> None:
    (root / "empty" / "deep").mkdir(parents=True)
    (root / "empty" / "deep" / "t.batchspec.yml").touch()
    assert problem(root, root, "empty").hint == "rename `deep/t.batchspec.yml` so that it ends in `.yaml`"


def test_every_path_of_no_use_is_reported(root: Path) -> None:
    os.mkfifo(root / "pipe")
    error = problem(root, root, "gone", "b.batchspec.yaml", "pipe", "..")
    assert [found.location.path for found in error.diagnostics] == ["..", "gone", "pipe"]
    assert all(found.hint for found in error.diagnostics)


def test_a_yaml_file_that_begins_as_a_spec_is_pointed_out(root: Path) -> None:
    folder = root / "empty"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.yaml").write_text("services: {}\n", encoding="utf-8")
    (folder / "deep" / "triage.yaml").write_text("# tickets\nbatchspec: 1\nname: triage\n", encoding="utf-8")
    os.mkfifo(folder / "b.yaml")
    assert problem(root, root, "empty").hint == (
        "`deep/triage.yaml` looks like one: rename it to `deep/triage.batchspec.yaml`, or name it on the command line"
    )
