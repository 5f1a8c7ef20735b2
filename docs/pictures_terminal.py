"""Takes the pictures of a terminal that the documentation shows: `python docs/pictures_terminal.py`.

Each is the program's real output on a pseudo-terminal of 80 columns, as an SVG of a few kilobytes that is light or dark
as its reader's system is. Ids of jobs, which no two runs share, are all shown as one.
"""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import tempfile
import termios
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
COLUMNS = 80

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_SAME_ID = "3f0c8a52-7d41-4e6b-9a17-c25be8d09f64"
_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_CLASSES = {"1": "b", "2": "d", "31": "r", "32": "g", "33": "y", "36": "c"}
_WIDTH, _HEIGHT, _MARGIN = 8, 18, 16

_STYLE = """\
rect{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;font:13px ui-monospace,Menlo,Consolas,monospace;white-space:pre}\
.b{font-weight:700}.d{fill:#656d76}.r{fill:#b3261e}.g{fill:#1a7f37}.y{fill:#8a5a00}.c{fill:#0b6e8f}\
@media(prefers-color-scheme:dark){rect{fill:#0d1117;stroke:#30363d}text{fill:#e6edf3}\
.d{fill:#8d96a0}.r{fill:#ff7b72}.g{fill:#3fb950}.y{fill:#d29922}.c{fill:#56b6d6}}"""


class Scene(NamedTuple):
    """A picture: its name, what it shows in words, what is done before it, and the command whose output it is."""

    name: str
    title: str
    before: tuple[str, ...]
    command: str


_SENT = ("init .", "apply --yes --wait")
SCENES = (
    Scene("terminal-plan", "A plan: one request of a row that has changed, two that have their answer", _SENT, "plan"),
    Scene("terminal-apply", "An apply that shows its plan, asks, sends, waits and writes", ("init .",), "apply --wait"),
    Scene("terminal-status", "Where specs and jobs stand, and what was used", _SENT, "status"),
    Scene("terminal-error", "An error with its place, its reason and a way out", ("init .",), "validate"),
)


def pictures() -> Iterator[tuple[Path, str]]:
    """Yield every picture's path and text, of how the program is now."""
    for scene in SCENES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for arguments in scene.before:
                _run(root, arguments)
            _edit(scene, root)
            yield IMAGES / f"{scene.name}.svg", svg(scene, _run(root, scene.command))


def _edit(scene: Scene, root: Path) -> None:
    """Make the change that a scene is about."""
    path, old, new = {
        "terminal-plan": ("data/reviews.csv", "Fine, but", "Good, but"),
        "terminal-error": ("reviews.batchspec.yaml", "row.text", "row.txt"),
    }.get(scene.name, ("data/reviews.csv", "", ""))
    text = (root / path).read_text(encoding="utf-8")
    (root / path).write_text(text.replace(old, new) if old else text, encoding="utf-8")


def _run(root: Path, arguments: str) -> str:
    """Run the program on a terminal, say yes to what it asks, and return what it has shown."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(root)
        command = [sys.executable, "-m", "batchspec", *arguments.split()]
        os.execve(command[0], command, _environment())  # noqa: S606 - there is no need of a shell
    termios.tcsetwinsize(terminal, (40, COLUMNS))
    shown, answered = b"", False
    while True:
        try:
            ready = select.select([terminal], [], [], 60)[0]
            block = os.read(terminal, 65_536) if ready else b""
        except OSError:
            block = b""
        if not block:
            break
        shown += block
        if shown.endswith(b"[y/N]: ") and not answered:
            os.write(terminal, b"y\n")
            answered = True
    os.close(terminal)
    os.waitpid(pid, 0)
    return _ID.sub(_SAME_ID, shown.decode().replace("\r\n", "\n")).rstrip("\n")


def _environment() -> dict[str, str]:
    # A dumb terminal has no live progress, whose pictures would differ from run to run; colour is asked for by name.
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(DOCS.parent),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "FORCE_COLOR": "1",
        "BATCHSPEC_PROVIDER": "emulator",
    }


def svg(scene: Scene, shown: str) -> str:
    """Return a picture of a command and what a terminal shows below it."""
    lines = [f"$ batchspec {scene.command}", *shown.split("\n")]
    width = COLUMNS * _WIDTH + 2 * _MARGIN
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(scene.title)}</title><style>{_STYLE}</style>",
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
    ]
    for number, line in enumerate(lines):
        plain = _CODE.sub("", line)
        if plain:
            place = f'x="{_MARGIN}" y="{_MARGIN + number * _HEIGHT + 13}" textLength="{len(plain) * _WIDTH}"'
            parts.append(f'<text {place} xml:space="preserve">{_spans(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _spans(line: str) -> str:
    """Return a line with its colours as classes."""
    parts = _CODE.split(line)
    made = [escape(parts[0], quote=False)]
    for codes, text in zip(parts[1::2], parts[2::2], strict=True):
        names = " ".join(_CLASSES[code] for code in codes.split(";") if code in _CLASSES)
        if text:
            told = escape(text, quote=False)
            made.append(f'<tspan class="{names}">{told}</tspan>' if names else told)
    return "".join(made)


def main() -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    for path, text in pictures():
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
