"""The threads that ask the upstream server, each over a connection of its own: lines in, what came of them out.

Knows nothing of jobs' progress or of files.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from batchspec.emulator.execution import LineResult, execute
from batchspec.emulator.faults import Faults
from batchspec.emulator.upstream.address import read_address
from batchspec.emulator.upstream.asking import Asker, GivenUp, Known
from batchspec.emulator.upstream.options import UpstreamOptions


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """One line of a job to be answered; `result` is there once it is, and None where it was given up."""

    job: int
    number: int
    endpoint: str
    model: str
    line: bytes
    faults: Faults
    given_up: threading.Event = field(default_factory=threading.Event)
    result: LineResult | None = None


class Crew:
    """As many threads as requests may be under way. `wake` is called whenever a task has ended."""

    def __init__(self, options: UpstreamOptions, wake: Callable[[], None]) -> None:
        address = read_address(options.url, keyed=options.key is not None)
        self._known = known = Known(address)
        self._wake = wake
        self._turn = threading.Lock()
        self._waiting: SimpleQueue[Task | None] = SimpleQueue()
        self._ended: deque[Task] = deque()
        self._at_work: dict[Task, Asker] = {}
        askers = [Asker(address, options, known) for _ in range(options.concurrency)]
        self._threads = [
            threading.Thread(
                target=self._work, args=(asker,), name=f"batchspec-emulator-upstream-{number}", daemon=True
            )
            for number, asker in enumerate(askers)
        ]

    @property
    def reachable(self) -> bool:
        """Whether the server could be reached when it was last tried."""
        return self._known.reachable

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """Have a line answered as soon as a thread is free."""
        self._waiting.put(task)

    def ended(self) -> list[Task]:
        """Return the tasks that have ended since the last time."""
        found: list[Task] = []
        while self._ended:
            found.append(self._ended.popleft())
        return found

    def give_up(self, task: Task) -> None:
        """Let a line go: its request is broken off, and it ends without a result."""
        task.given_up.set()
        with self._turn:
            asker = self._at_work.get(task)
            if asker is not None:
                asker.shut()

    def stop(self) -> None:
        """End every thread; what is under way must have been given up."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self, asker: Asker) -> None:
        while (task := self._waiting.get()) is not None:
            with self._turn:
                self._at_work[task] = asker
            asker.begin(task.given_up)
            try:
                task.result = execute(task.endpoint, task.model, task.line, task.faults, asker.answer)
            except GivenUp:
                task.result = None
            with self._turn:
                del self._at_work[task]
            self._ended.append(task)
            self._wake()
        asker.close()
