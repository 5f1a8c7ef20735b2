"""Takes the pictures of these pages anew: `python docs/pictures.py`; it needs Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
_DARK = "--blink-settings=preferredColorScheme=0"
_PICTURES = {
    "report.png": ("--window-size=1000,1100",),
    "report-phone.png": ("--window-size=500,1100", _DARK),
}
"""Each picture with what it is taken with: on a desk in the light, and as narrow as a phone in the dark."""
_PROJECT = '[project]\nid = "0f2f6a53-3f5c-4a3e-9a4b-8a9d5f4f6c11"\n'


def main() -> None:
    """Run an example over the embedded emulator, and take a picture of its report."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "compare-prompts"
        shutil.copytree(ROOT / "examples" / "compare-prompts", folder)
        (folder / "batchspec.toml").write_text(_PROJECT, encoding="utf-8")
        _batchspec(folder, "apply", "--provider", "emulator", "--yes", "--wait")
        _batchspec(folder, "report", "--provider", "emulator", "--out", "report.html")
        page = (folder / "report.html").as_uri()
        for name, how in _PICTURES.items():
            picture, profile = f"--screenshot={IMAGES / name}", f"--user-data-dir={scratch}/{name}"
            subprocess.run([chromium, *_FLAGS, *how, profile, picture, page], check=True)


def _batchspec(folder: Path, *arguments: str) -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "batchspec", *arguments], cwd=folder, env=environ, check=True)


if __name__ == "__main__":
    main()
