"""What all tests have: golden files, updated by `pytest --update-golden`, and no drawn example that has to be fast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("usual", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("usual")
settings.register_profile("many", settings(max_examples=3000, derandomize=False))

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return a function that compares a text with a golden file, or writes it."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"{path.name} is missing; run pytest --update-golden and review the diff"
        assert text == path.read_text(encoding="utf-8"), "run pytest --update-golden and review the diff"

    return compare
