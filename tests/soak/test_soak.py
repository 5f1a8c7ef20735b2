"""The soak itself, for a moment: it comes to an end, finds nothing, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.__main__ import soak


@pytest.mark.slow
def test_a_short_soak_finds_nothing_and_cleans_up() -> None:
    ending = soak(0.5, 1, Path(__file__).parents[2])
    assert ending.violation is None, ending.text()
    assert ending.tally["quiet points"] == 1
    assert ending.tally["commands"] > 5
    assert "paid twice    0" in ending.text()
    assert not ending.folder.exists()
