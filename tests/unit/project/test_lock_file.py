"""What stands in batchspec.lock, and where an error in it is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.model_cards import is_fixed
from batchspec.core.model_lock import ModelLock, Pin
from batchspec.project.files import RootedFiles
from batchspec.project.lock_file import load_lock, lock_text, read_lock, write_lock

LOCK = ModelLock(
    pins={
        "mistral-small-latest": Pin("mistral-small-2506", "2026-05-31", "mistral-small-2603"),
        "codestral-latest": Pin("codestral-2508"),
    },
    unpinned=frozenset({"z", "my-model"}),
)
TEXT = """\
# Made by `batchspec lock`; commit it. It says which dated model each alias stands for in this project.
# `batchspec lock --upgrade` moves the pins to what the aliases stand for now.
version = 1
unpinned = [
  "my-model",
  "z",
]

[models."codestral-latest"]
model = "codestral-2508"

[models."mistral-small-latest"]
model = "mistral-small-2506"
deprecation = "2026-05-31"
replacement = "mistral-small-2603"
"""


def places(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidInputError) as caught:
        read_lock(text)
    assert caught.value.diagnostics
    assert all(found.location.path == "batchspec.lock" for found in caught.value.diagnostics)
    return [
        (0 if each.location.span is None else each.location.span.line, each.code) for each in caught.value.diagnostics
    ]


def test_a_lock_is_written_sorted_and_read_again(tmp_path: Path) -> None:
    write_lock(tmp_path, LOCK)
    assert (tmp_path / "batchspec.lock").read_text(encoding="utf-8") == TEXT
    assert load_lock(RootedFiles(tmp_path)) == LOCK


def test_a_project_without_the_file_pins_nothing(tmp_path: Path) -> None:
    assert load_lock(RootedFiles(tmp_path)) == ModelLock()


def test_one_from_outside_of_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "other.lock").write_text(TEXT, encoding="utf-8")
    (tmp_path / "project" / "batchspec.lock").symlink_to(tmp_path / "other.lock")
    with pytest.raises(FileProblemError, match="symlink"):
        load_lock(RootedFiles(tmp_path / "project"))


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: bool(name.strip()))
ALIASES = NAMES.filter(lambda name: not is_fixed(name))
MODELS = NAMES.map(lambda name: f"{name}-2506").filter(lambda name: not name.startswith("agent:"))
PINS = st.builds(Pin, MODELS, st.none() | st.dates().map(lambda day: day.isoformat()), st.none() | NAMES)


@given(st.dictionaries(ALIASES, PINS, max_size=5), st.frozensets(ALIASES, max_size=5))
def test_any_lock_is_read_as_it_was_written(pins: dict[str, Pin], unpinned: frozenset[str]) -> None:
    lock = ModelLock(pins=pins, unpinned=unpinned - pins.keys())
    text = lock_text(lock)
    assert read_lock(text) == lock
    assert lock_text(read_lock(text)) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version = 1\n<<<<<<< HEAD\nunpinned = []\n=======\n>>>>>>> other\n", (2, "merge-conflict")),
        ("version = 1\r\n||||||| base\r\n", (2, "merge-conflict")),
        ("version = 1\n\n[models.x\n", (3, "toml-syntax")),
        ("unpinned = []\n", (0, "lock-version")),
        ("\nversion = 2\n", (2, "lock-version")),
        ("version = true\n", (1, "lock-version")),
        ("version = 1\nmodel = 3\n", (2, "unknown-key")),
        ("version = 1\nmodels = 3\n", (2, "wrong-type")),
        ('version = 1\nunpinned = "x"\n', (2, "wrong-type")),
        ("version = 1\nunpinned = [3]\n", (2, "wrong-type")),
        ("version = 1\n[models]\nx = 3\n", (3, "wrong-type")),
        ("version = 1\n[models.x]\n", (2, "missing-key")),
        ("version = 1\n[models.x]\nmodel = 3\n", (3, "wrong-type")),
        ('version = 1\n[models.x]\nmodel = " "\n', (3, "wrong-type")),
        ('version = 1\n[models.x]\nmodel = "x-latest"\n', (3, "lock-pin")),
        ('version = 1\n[models.x]\nmodel = "agent:a"\n', (3, "lock-pin")),
        ('version = 1\n[models."x-2506"]\nmodel = "x-2507"\n', (2, "lock-pin")),
        ('version = 1\nunpinned = ["x"]\n[models.x]\nmodel = "x-2506"\n', (2, "lock-pin")),
        ('version = 1\n[models.x]\nmodel = "x-2506"\ndeprecated = "2026-01-01"\n', (4, "unknown-key")),
        ('version = 1\n[models.x]\nmodel = "x-2506"\ndeprecation = "soon"\n', (4, "wrong-type")),
        ('version = 1\n[models.x]\nmodel = "x-2506"\ndeprecation = 2026-01-01\n', (4, "wrong-type")),
    ],
)
def test_what_does_not_fit_is_found_at_its_line(text: str, found: tuple[int, str]) -> None:
    assert places(text) == [found]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert places("version = 1\n[models.a]\n[models.b]\nmodel = 1\n") == [(2, "missing-key"), (4, "wrong-type")]
