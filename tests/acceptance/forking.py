"""Runs the real command line in processes that are forked from one which has imported it: real deaths, made cheap.

This file is also that process: it takes a run over a socket, forks, and tells the process's id and how it ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driving import Outcome, Project

from batchspec.cli.app import run as program
from batchspec.cli.interrupts import Interrupts

_LEFT_TO_THE_RUN = ("__main__", "sql_rows", "sql_text")
"""What a run imports itself; DuckDB tells of what it has left behind at the end of every process that has it."""

LONGEST_RUN = 60.0
"""Seconds; a run that takes longer is killed and fails its test."""


@dataclass
class ForkedRun:
    """A process that runs the command line; `pid` is its own."""

    pid: int
    _told: socket.socket
    _out: Path
    _err: Path

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def err(self) -> str:
        """What it has said so far."""
        return self._err.read_text(encoding="utf-8")

    def wait(self, timeout: float = LONGEST_RUN) -> Outcome:
        """Its end; a process that a signal has killed has that signal's number, negative, as its code."""
        self._told.settimeout(timeout)
        try:
            code = int(_line(self._told))
        except TimeoutError:
            self.send(signal.SIGKILL)
            raise AssertionError(f"still running after {timeout:g} s; it said: {self.err()}") from None
        finally:
            self._told.close()
        err = self.err()
        assert "Traceback (most recent call last)" not in err, err
        return Outcome(code, self._out.read_text(encoding="utf-8"), err)

    def wait_until_stopped(self, timeout: float = 20) -> None:
        """Return once the process has suspended itself."""
        ends = time.monotonic() + timeout
        while self._state() != "T":
            assert time.monotonic() < ends, f"it was not suspended within {timeout:g} s; it said: {self.err()}"
            time.sleep(0.01)

    def _state(self) -> str:
        shown = subprocess.run(["ps", "-o", "stat=", "-p", str(self.pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip()[:1]


@dataclass
class ForkedProject(Project):
    """A project whose commands are run in forked processes."""

    server: ForkServer = field(kw_only=True)

    def begin(self, *arguments: str, terminal: str | None = None) -> ForkedRun:
        """Start the command line and do not wait for it; on a terminal of its own, where one is given by its path."""
        return self.server.begin(self, arguments, terminal)

    def run(self, *arguments: str, timeout: float = LONGEST_RUN) -> Outcome:
        return self.begin(*arguments).wait(timeout)

    def at(self, where: str, *arguments: str, timeout: float = LONGEST_RUN) -> Outcome:
        """Run with BATCHSPEC_CRASH_AT, for this run alone."""
        return self.but({"BATCHSPEC_CRASH_AT": where}).run(*arguments, timeout=timeout)

    def but(self, environ: dict[str, str]) -> ForkedProject:
        """The same folder with more in its environment."""
        return ForkedProject(self.root, self.environ | environ, server=self.server)


class ForkServer:
    """The process that forks, and the folder of what its children write."""

    def __init__(self) -> None:
        # A socket's path has to be short, and pytest's folders are not.
        self._folder = Path(tempfile.mkdtemp(prefix="bspec-fork-"))
        self._address = str(self._folder / "socket")
        self._runs = 0
        environ = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[2])}
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What libraries say at their own end is of no run.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the server of forks did not start"

    def begin(self, project: Project, arguments: tuple[str, ...], terminal: str | None) -> ForkedRun:
        self._runs += 1
        out, err = (self._folder / f"{self._runs}.{name}" for name in ("out", "err"))
        told = socket.socket(socket.AF_UNIX)
        told.settimeout(20)
        told.connect(self._address)
        run = {
            "arguments": arguments,
            "folder": str(project.root),
            "environ": project.environment(),
            "out": str(out),
            "err": str(err),
            "terminal": terminal,
        }
        for path in (out, err):
            path.touch(mode=0o600)
        told.sendall(json.dumps(run).encode() + b"\n")
        return ForkedRun(int(_line(told)), told, out, err)

    def close(self) -> None:
        self._process.communicate(timeout=20)
        shutil.rmtree(self._folder)


@contextlib.contextmanager
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    try:
        yield server
    finally:
        server.close()


def _line(told: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        block = told.recv(65_536)
        assert block, "the server of forks has hung up"
        line += block
    return bytes(line)


def _serve(address: str) -> int:
    """Fork for every connection until stdin ends, as it does with whoever has started this."""
    for module in pkgutil.walk_packages(importlib.import_module("batchspec").__path__, "batchspec."):
        if not module.name.endswith(_LEFT_TO_THE_RUN):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as missing:
                if missing.name is None or missing.name.startswith("batchspec"):
                    raise
                # It needs an extra that is not installed here.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listener in (ready := select.select([listener, sys.stdin], [], [])[0]) or sys.stdin not in ready:
            told, _ = listener.accept()
            if os.fork():
                told.close()
                continue
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _attend(told)
    return 0


def _attend(told: socket.socket) -> int:
    """Fork once more, and tell the process's id and how it ended; in the process itself, return its exit code."""
    run = json.loads(_line(told))
    pid = os.fork()
    if not pid:
        told.close()
        return _run(run)
    told.sendall(b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        told.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    return 0


def _run(run: dict[str, Any]) -> int:
    """Be the program: its streams, its folder, its environment, its arguments."""
    os.setsid()
    for path, number in ((os.devnull, 0), (run["out"], 1), (run["err"], 2)):
        # The first terminal that the leader of a session opens becomes its own.
        descriptor = os.open(run["terminal"] or path, os.O_RDONLY if number == 0 else os.O_WRONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(run["folder"])
    os.environ.clear()
    os.environ.update(run["environ"])
    sys.argv = ["batchspec", *run["arguments"]]
    interrupts = Interrupts()
    interrupts.listen()
    return program(run["arguments"], interrupts)


if __name__ == "__main__":
    sys.exit(_serve(sys.argv[1]))
