"""Input that attacks: refused in words, with the exit code of bad input, in bounded time, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import ATTACKS, Attack
from driving import make_project
from forking import ForkedProject, ForkServer, fork_server

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
LONGEST = 60.0
"""Seconds, on the slowest of machines; most take a tenth of one."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_an_attack_is_refused_in_words(tmp_path: Path, forks: ForkServer, attack: Attack) -> None:
    made = make_project(tmp_path / "project")
    (tmp_path / "secret.md").write_text("the secret")
    attack.place(made.root)
    project = ForkedProject(
        made.root, {"MISTRAL_BASE_URL": "http://127.0.0.1:9", "MISTRAL_API_KEY": "any"}, server=forks
    )
    refused = project.run("validate", timeout=LONGEST)
    assert refused.code == 3, refused.err[:2000]
    assert attack.told in refused.err
    assert "error[" in refused.err
    assert "the secret" not in refused.err
    assert "root:" not in refused.err
    assert len(refused.err) < 100_000


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_every_attack_that_is_tried_is_on_the_page(attack: Attack) -> None:
    assert attack.row in PAGE.read_text(encoding="utf-8")
