"""What it costs to start, beside a Python that does nothing: runs in turn, so that noise meets each of them."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.speed.measuring import interleaved
from benchmarks.speed.provider import clean_environ
from benchmarks.speed.stages import ROOT, Line

BARE = "python -c pass"
PLAN, PARQUET = "plan --no-refresh", "results, parquet"
SPEC = 'batchspec: 1\nname: small\nmodel: mistral-small-latest\ninputs: [{a: "1"}]\nprompt: "{{ row.a }}"\n'
# As an installed console script is, byte for byte but for its first line.
SCRIPT = "import sys\nfrom batchspec.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def start_up(folder: Path, repeat: int) -> list[Line]:
    """Measure help, the version, and what checks a spec of one row."""
    folder.mkdir()
    (folder / "small.batchspec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "batchspec").write_text(SCRIPT, encoding="utf-8")
    program = (sys.executable, "batchspec")
    commands = {
        BARE: (sys.executable, "-c", "pass"),
        "--version": (*program, "--version"),
        "--help": (*program, "--help"),
        "validate": (*program, "validate"),
        PLAN: (*program, "plan", "--no-refresh"),
        PARQUET: (*program, "results", "--out", "small.parquet"),
    }
    measured = interleaved(commands, folder, environ=clean_environ(ROOT), repeat=repeat)
    return [
        Line(work="start", stage=stage, rows=0, took=took, beside="" if stage == BARE else BARE)
        for stage, took in measured.items()
    ]
