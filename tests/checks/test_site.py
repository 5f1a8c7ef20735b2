"""The documentation is built to a static site: every page, every link, and nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_site_is_built_strictly_with_every_page_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    command = [sys.executable, str(ROOT / "docs/site.py"), "--out", str(tmp_path / "site")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT)).with_suffix(".html").is_file(), page
    assert "ten minutes" in (site / "docs/tutorial/first-results.html").read_text(encoding="utf-8")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<!-- type" not in text
        assert (
            re.findall(r'<(?:script|img|link rel="stylesheet")[^>]+(?:src|href)="(?:https?:)?//[^"]+"', text) == []
        ), page


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        f"import runpy, sys; sys.modules['mkdocs'] = None; sys.argv = ['site.py', '--out', {str(tmp_path)!r}];"
        f" runpy.run_path({str(ROOT / 'docs/site.py')!r}, run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "batchspec[docs]" in ended.stderr
    assert "Traceback" not in ended.stderr
