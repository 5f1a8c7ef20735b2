"""A file up and down over loopback, beside curl and beside requests as it is usually used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.speed.measuring import Measured, measure, median
from benchmarks.speed.provider import clean_environ
from benchmarks.speed.stages import ROOT, SCRIPTS, Line

_LINE = b'{"custom_id": "T-1", "body": {"messages": [{"role": "user", "content": "' + b"x" * 1400 + b'"}]}}\n'


def transfers(folder: Path, megabytes: int, repeat: int) -> list[Line]:
    """Measure uploads and downloads of one file, which is durable on disk at the end of a download."""
    folder.mkdir()
    source = folder / "lines.jsonl"
    with source.open("wb") as stream:
        for _ in range(megabytes * 1_000_000 // len(_LINE)):
            stream.write(_LINE)
    serve = (sys.executable, "-m", "benchmarks.speed.sink", str(source))
    with subprocess.Popen(serve, env=clean_environ(ROOT), text=True, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            runs: dict[str, list[Measured]] = {}
            for _ in range(repeat):
                for name, command in _commands(url).items():
                    runs.setdefault(name, []).append(_transfer(command, folder, url))
        finally:
            server.kill()
    lines = []
    for stage, found in runs.items():
        beside = "" if stage.startswith("curl") else f"curl: {stage.partition(': ')[2]}"
        lines.append(Line(work=f"{megabytes} MB", stage=stage, rows=0, took=median(found), beside=beside))
    return lines


def _transfer(command: Sequence[str], folder: Path, url: str) -> Measured:
    told = folder / "took.json"
    told.unlink(missing_ok=True)
    took = measure(command, folder, environ=clean_environ(ROOT) | _at(url), repeat=1)
    return replace(took, **json.loads(told.read_text(encoding="utf-8"))) if told.exists() else took


def _at(url: str) -> dict[str, str]:
    return {"MISTRAL_BASE_URL": url, "MISTRAL_API_KEY": "emulator"}


def _commands(url: str) -> dict[str, tuple[str, ...]]:
    python = (sys.executable, str(SCRIPTS / "transfer.py"))
    address = f"{url}/v1/files"
    durable = f"curl -sS -o curl.jsonl {address}/file-1/content && sync curl.jsonl"
    return {
        "curl: upload": ("curl", "-sS", "-F", "purpose=batch", "-F", "file=@lines.jsonl", address),
        "batchspec: upload": (*python, "batchspec", "upload", "lines.jsonl"),
        "requests: upload": (*python, "requests", "upload", "lines.jsonl"),
        "curl: download": ("sh", "-c", durable),
        "batchspec: download": (*python, "batchspec", "download", "down.jsonl"),
        "requests: download": (*python, "requests", "download", "requests.jsonl"),
    }
