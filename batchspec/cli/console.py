"""What is written where: results to stdout, everything else to stderr; and how an error looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from batchspec.cli.interrupts import Interrupts
from batchspec.core.errors import BatchspecError, InvalidInputError, ProviderError
from batchspec.report.style import Style

if TYPE_CHECKING:
    from pathlib import Path

    from batchspec.core.diagnostics import Diagnostic
    from batchspec.core.ports import Progress

_MOST_SHOWN = 50
_SECRETS = ("MISTRAL_API_KEY", "BATCHSPEC_UPSTREAM_KEY", "BATCHSPEC_EMULATOR_KEY")
# A shorter one may be part of any word, and no real key is this short.
_SHORTEST_SECRET = 8
CODE = "bug"
"""What a fault of batchspec itself is called."""


@dataclass(slots=True, eq=False)
class Console:
    """The two streams of a run, and how they are to look. `root` is what paths in messages are relative to."""

    environ: Mapping[str, str]
    interrupts: Interrupts
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    json: bool = False
    root: Path | None = None
    _held: list[str] | None = None

    def out_style(self) -> Style:
        """Return the style of stdout."""
        return Style(colour=self._colour(sys.stdout), width=_width(sys.stdout))

    def err_style(self) -> Style:
        """Return the style of stderr."""
        return Style(colour=self._colour(sys.stderr), width=_width(sys.stderr))

    def _colour(self, stream: TextIO) -> bool:
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return stream.isatty() and self.environ.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether a person is there to answer: both streams are terminals and this is no CI run."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not self.environ.get("CI")

    def relative(self, path: str) -> str:
        """Return a path of the project as it is seen from the current folder, for a message."""
        from batchspec.report.safe_text import safe

        if self.root is None:
            return safe(path)
        try:
            return safe(os.path.relpath(self.root / path))
        except ValueError:
            return safe(str(self.root / path))

    def out(self, text: str) -> None:
        """Write a result."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def document(self, value: object) -> None:
        """Write the one JSON document of a run."""
        from batchspec.core.json_text import encode_pretty

        self.out(encode_pretty(value))

    def say(self, text: str) -> None:
        """Write a word beside the result, unless it was asked to be quiet."""
        if not text or self.quiet:
            return
        if self._held is not None:
            self._held.append(text)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    @contextmanager
    def holding(self) -> Iterator[list[str]]:
        """Keep what is said for whoever shows it in a place of its own."""
        held: list[str] = []
        self._held = held
        try:
            yield held
        finally:
            self._held = None

    @property
    def redraws(self) -> bool:
        """Whether stdout is a terminal on which something can be drawn over, and a person looks at it."""
        return sys.stdout.isatty() and self._moves

    @property
    def _moves(self) -> bool:
        return not self.quiet and not self.environ.get("CI") and self.environ.get("TERM") != "dumb"

    def progress(self) -> Progress:
        """Return the progress display that fits where stderr goes."""
        from batchspec.report import progress

        if self.quiet:
            return progress.SilentProgress()
        if not sys.stderr.isatty() or not self._moves:
            return progress.LogProgress(sys.stderr)
        from batchspec.report.live import LiveProgress

        return LiveProgress(sys.stderr, colour=self._colour(sys.stderr))

    def diagnostics(self, found: Sequence[Diagnostic]) -> None:
        """Write findings for a person."""
        from batchspec.report.diagnostics import render_diagnostics

        if found:
            style = self.err_style()
            text = render_diagnostics(
                found, colour=style.colour, relative=self.relative, limit=_MOST_SHOWN, width=style.width
            )
            sys.stderr.write(text.rstrip("\n") + "\n")
            sys.stderr.flush()

    def error(self, error: BatchspecError) -> None:
        """Write what went wrong and how to mend it; as JSON where the run's result was to be JSON."""
        if self.json:
            self.document(_error_document(error))
            return
        if isinstance(error, InvalidInputError) and error.diagnostics:
            self.diagnostics(error.diagnostics)
            return
        from batchspec.report.safe_text import safe

        style = self.err_style()
        lines = [f"{style('error', 'red', 'bold')}[{error.code}]: {safe(error.summary)}"]
        if error.why:
            lines.append(f"  why:  {safe(error.why)}")
        if error.hint:
            lines.append(f"  help: {safe(error.hint)}")
        if isinstance(error, ProviderError) and error.request_id:
            lines.append(f"  request id: {safe(error.request_id)}")
        sys.stderr.write(style.fold("\n".join(lines)) + "\n")
        sys.stderr.flush()

    def bug(self, error: BaseException) -> None:
        """Write a fault of batchspec itself: a traceback to a file, its path to stderr."""
        import traceback
        from datetime import UTC, datetime
        from pathlib import Path

        text = _without_secrets("".join(traceback.format_exception(error)), self.environ)
        folder = (self.root or Path.cwd()) / ".batchspec" / "logs"
        try:
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            path = folder / f"bug-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
            where = f"the details are in {path}"
        except OSError:
            where = "the details could not be written down"
        sys.stderr.write(f"error[{CODE}]: batchspec failed in a way that it should not: {type(error).__name__}\n")
        sys.stderr.write(f"  why:  {where}\n  help: please report it; running again is safe\n")
        if self.debug:
            sys.stderr.write(text)


def _width(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None where the stream is none, or its terminal does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """Hide every key of the environment, which an exception's own words may hold."""
    for name in _SECRETS:
        secret = environ.get(name, "").strip()
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***").replace(repr(secret)[1:-1], "***")
    return text


def _error_document(error: BatchspecError) -> dict[str, object]:
    from batchspec.report.diagnostics import diagnostic_json

    document: dict[str, object] = {
        "format_version": "1.0",
        "error": {
            "code": error.code,
            "summary": error.summary,
            "why": error.why,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        },
    }
    if isinstance(error, InvalidInputError):
        document["diagnostics"] = [diagnostic_json(found) for found in error.diagnostics]
    return document
