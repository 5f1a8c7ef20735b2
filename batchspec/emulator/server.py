"""The emulator as a whole: a data folder served on a loopback port, and its jobs run, from `start` to `stop`."""

from __future__ import annotations

import errno
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from batchspec.emulator.app import Application
from batchspec.emulator.calls import Calls
from batchspec.emulator.database import Database
from batchspec.emulator.faults import FaultInjector, Faults
from batchspec.emulator.files import FileStore
from batchspec.emulator.jobs import JobStore
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.refusals import EmulatorError
from batchspec.emulator.runner import JobRunner
from batchspec.emulator.serving import LoopbackServer

__all__ = ["EmulatorOptions", "EmulatorServer"]

_HOST = "127.0.0.1"
_BACKLOG = 128
_ACCEPT_SECONDS = 0.02


class EmulatorServer:
    """A local batch API over the files and jobs in a data folder, which is made where it is missing.

    `port` 0 takes any free port. Several processes may serve one folder at the same time: they see the same jobs, and
    one of them runs these. After `stop`, it can be started again.
    """

    def __init__(self, data: Path, *, port: int = 0, options: EmulatorOptions = EmulatorOptions()) -> None:  # noqa: B008 - frozen
        self._data = data
        self._wanted_port = port
        self._options = options
        self._running: ExitStack | None = None
        self._port = 0
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._faults: FaultInjector | None = None

    @property
    def url(self) -> str:
        """The address to give to a client, without a slash at its end. Raises RuntimeError before `start`."""
        if self._running is None:
            raise RuntimeError("the emulator is not running")
        return f"http://{_HOST}:{self._port}"

    def set_faults(self, faults: Faults) -> None:
        """Put other faults in force while it runs."""
        if self._faults is None:
            raise RuntimeError("the emulator is not running")
        self._faults.set(faults)

    def start(self) -> None:
        """Serve in a thread, and take up unfinished jobs.

        Raises EmulatorError where the port is taken or the folder cannot be used.
        """
        if self._running is not None:
            raise RuntimeError("the emulator is already running")
        self._stopping.clear()
        self._stopped.clear()
        with ExitStack() as stack:
            database = Database(self._data)
            stack.callback(database.close)
            files = FileStore(self._data, database)
            jobs = JobStore(database, files)
            faults = self._faults = FaultInjector(self._options.faults, self._stopping.wait)
            runner = JobRunner(self._data, jobs=jobs, files=files, faults=faults, options=self._options)
            calls = Calls(
                database=database, files=files, jobs=jobs, faults=faults, options=self._options, wake=runner.wake
            )
            with _listener(self._wanted_port) as listener:
                self._port = listener.getsockname()[1]
                server = LoopbackServer(listener, Application(calls, faults, self._options.key))
            runner.start()
            stack.callback(runner.stop)
            self._serve(server, stack)
            self._running = stack.pop_all()

    def _serve(self, server: LoopbackServer, stack: ExitStack) -> None:
        thread = threading.Thread(
            target=server.serve_forever, args=(_ACCEPT_SECONDS,), name="batchspec-emulator", daemon=True
        )
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.end_connections)
        stack.callback(server.shutdown)

    def stop(self) -> None:
        """End: calls in hand are answered, the chunk in hand is committed, every thread and socket is gone."""
        running, self._running = self._running, None
        if running is None:
            return
        self._stopping.set()
        running.close()
        self._faults = None
        self._stopped.set()

    def wait(self) -> None:
        """Block until another thread, or a signal's handler, calls `stop`."""
        self._stopped.wait()

    def __enter__(self) -> EmulatorServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise EmulatorError(
            f"the emulator cannot listen on {_HOST}:{port}",
            why="another program listens there" if taken else str(error),
            hint="give another --port; 0 takes any free one",
        ) from error
    return listener
