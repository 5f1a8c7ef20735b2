"""What it costs to start, beside a Python that does nothing: runs in turn, so that noise meets each of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.speed.measuring import interleaved
from benchmarks.speed.provider import clean_environ
from benchmarks.speed.stages import ROOT, Line

BARE = "python -c pass"
PLAN, SHARED, PARQUET = "plan --no-refresh", "plan --no-refresh, all cores", "results, parquet"
SPEC = 'batchspec: 1\nname: small\nmodel: mistral-small-latest\ninputs: [{a: "1"}]\nprompt: "{{ row.a }}"\n'
FILED = SPEC.replace("small", "filed", 1).replace('[{a: "1"}]', "rows.csv")
# As an installed console script is, byte for byte but for its first line.
SCRIPT = "import sys\nfrom batchspec.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def start_up(folder: Path, repeat: int) -> list[Line]:
    """Measure help, the version, and what checks a spec of one row."""
    folder.mkdir()
    (folder / "small.batchspec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "batchspec").write_text(SCRIPT, encoding="utf-8")
    # Only what is read from a file is shared among processes.
    (folder / "filed.batchspec.yaml").write_text(FILED, encoding="utf-8")
    (folder / "rows.csv").write_text("a\n1\n", encoding="utf-8")
    program = (sys.executable, "batchspec")
    small = "small.batchspec.yaml"
    cores = str(os.cpu_count() or 1)
    commands = {
        BARE: (sys.executable, "-c", "pass"),
        "--version": (*program, "--version"),
        "--help": (*program, "--help"),
        "validate": (*program, "validate", small),
        PLAN: (*program, "plan", "--no-refresh", small),
        SHARED: (*program, "plan", "--no-refresh", "--jobs", cores, "filed.batchspec.yaml"),
        PARQUET: (*program, "results", small, "--out", "small.parquet"),
    }
    measured = interleaved(commands, folder, environ=clean_environ(ROOT), repeat=repeat)
    return [
        Line(work="start", stage=stage, rows=0, took=took, beside="" if stage == BARE else BARE)
        for stage, took in measured.items()
    ]
