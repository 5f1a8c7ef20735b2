"""The benchmarks run, from one command to a table with goals; how fast anything was is not judged here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def measured(tmp_path: Path, *arguments: str) -> str:
    """Run the benchmarks, and return the page that they write."""
    page = tmp_path / "RESULTS.md"
    command = (sys.executable, "-m", "benchmarks.speed", *arguments, "--repeat", "1", "--out", str(page))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return page.read_text(encoding="utf-8")


def test_one_stage_is_measured_beside_the_script_by_hand(tmp_path: Path) -> None:
    page = measured(tmp_path, "--stage", "by-hand", "render", "--rows", "20", "--work", "tickets")
    assert "| render, one core | 20 | 1 |" in page
    assert "| by hand: render |" in page


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_transfer_is_measured_beside_curl(tmp_path: Path) -> None:
    page = measured(tmp_path, "--stage", "transfer", "--megabytes", "1")
    assert "| batchspec: upload |" in page
    assert "| download over loopback | 1 x curl: download |" in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_stage_is_measured_on_both_works(tmp_path: Path) -> None:
    glosses = tmp_path / "glosses.csv"
    rows = "".join(f'{number:08}-n,noun,word {number},"a word; ""so to say"""\n' for number in range(30))
    glosses.write_text(f"synset_id,part_of_speech,words,gloss\n{rows}", encoding="utf-8")
    page = measured(tmp_path, "--rows", "20", "--megabytes", "1", "--glosses", str(glosses))
    # So many rows of both works.
    assert page.count("| collect and join | 20 |") == 2
    assert "| tickets, 20 rows: state | under 100 bytes a request |" in page
