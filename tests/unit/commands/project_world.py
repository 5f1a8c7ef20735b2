"""A project's folder with everything that a command needs: real files, a real state, the real client of an emulator."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.loading import SpecLoader
from batchspec.commands.world import World
from batchspec.core.ports import Progress, Provider
from batchspec.emulator.faults import Faults
from batchspec.emulator.ledger import Summary, summary
from batchspec.emulator.server import EmulatorOptions, EmulatorServer
from batchspec.inputs import open_rows
from batchspec.mistral.client import MistralProvider, connect
from batchspec.outputs import open_writer
from batchspec.project.atomic import write_atomically
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema
from batchspec.project.spool import DiskSpool
from batchspec.state.scratch import SqliteScratch
from batchspec.state.store import SqliteLedger

PROJECT_ID = "00000000-0000-4000-8000-00000000000a"
MODEL = "mistral-small-latest"


class Silent:
    """A progress that nobody looks at."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finish(self) -> None:
        pass


class QuickClock:
    """Real time that runs on by itself: a wait of a minute takes a moment, and a minute has passed."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def sleep(self, seconds: float) -> None:
        moment = min(seconds, 0.02)
        time.sleep(moment)
        self._ahead += seconds - moment


class Died(BaseException):
    """The process ends here: nothing may catch it."""


class Machine:
    """One machine with the project's folder; `state` is its own, so that two of them can share a provider."""

    def __init__(self, root: Path, url: str, stack: ExitStack, state: str = "state") -> None:
        self.root = root
        self.home = root / ".batchspec" / state
        self.files = RootedFiles(root)
        self.clock = QuickClock()
        self.checkpoints: list[str] = []
        self.dies_at: str | None = None
        self.ledger = stack.enter_context(SqliteLedger(self.home / "state.db", PROJECT_ID))
        environ = {"MISTRAL_API_KEY": "a-key", "MISTRAL_BASE_URL": url}
        self.provider: MistralProvider = stack.enter_context(connect(environ, self.clock))
        self.spool = stack.enter_context(DiskSpool(self.home / "spool"))
        (self.home / "downloads").mkdir(parents=True, exist_ok=True)

    def checkpoint(self, name: str) -> None:
        self.checkpoints.append(name)
        if name == self.dies_at:
            self.dies_at = None
            raise Died(name)

    def world(self, provider: Provider | None = None, *, settle_seconds: float = 2.0) -> World:
        return World(
            ledger=self.ledger,
            provider=provider or self.provider,
            spool=self.spool,
            new_scratch=SqliteScratch,
            open_output=self.open_output,
            open_writer=open_writer,
            fingerprint=self.fingerprint,
            local_path=lambda path: self.root / path,
            downloads=self.home / "downloads",
            clock=self.clock,
            progress=silent(),
            stop=lambda: None,
            checkpoint=self.checkpoint,
            settle_seconds=settle_seconds,
        )

    def open_output(self, path: str) -> AbstractContextManager[BinaryIO]:
        return write_atomically(self.root / path, root=self.root)

    def fingerprint(self, path: str) -> str | None:
        target = self.root / path
        return str(target.stat().st_mtime_ns) if target.exists() else None

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")

    def load(self, *paths: str) -> tuple[LoadedSpec, ...]:
        loader = SpecLoader(
            files=self.files,
            defaults={},
            default_places={},
            output_dir="results",
            schema=packaged_schema,
            open_rows=open_rows,
        )
        return loader.load(paths or ("demo.batchspec.yaml",))


class Service:
    """An emulator, and machines that use it."""

    def __init__(self, folder: Path, stack: ExitStack, **options: float) -> None:
        self._folder = folder
        self._stack = stack
        self._options = _options(**options)
        self.server = stack.enter_context(EmulatorServer(folder / "service", options=self._options))

    def machine(self, state: str = "state") -> Machine:
        return Machine(self._folder / "project", self.server.url, self._stack, state)

    def let_queued_run(self) -> None:
        """Let the time pass for which jobs are queued."""
        with closing(sqlite3.connect(self._folder / "service" / "emulator.db", timeout=30)) as database, database:
            database.execute("UPDATE jobs SET created_at = created_at - ?", [self._options.queue_seconds])

    def break_with(self, faults: Faults) -> None:
        self.server.set_faults(faults)

    def told(self) -> Summary:
        return summary(self._folder / "service")


def _options(
    queue_seconds: float = 0, line_seconds: float = 0, cancel_seconds: float = 0, hour_seconds: float = 3600
) -> EmulatorOptions:
    return EmulatorOptions(
        queue_seconds=queue_seconds,
        line_seconds=line_seconds,
        cancel_seconds=cancel_seconds,
        hour_seconds=hour_seconds,
    )


NewService = Callable[..., Service]


def services(folder: Path) -> Iterator[NewService]:
    """Give what makes the service of a test, and take it down again."""
    with ExitStack() as stack:
        yield lambda **options: Service(folder, stack, **options)


def silent() -> Progress:
    return Silent()


def chat_spec(name: str = "demo", *, models: Sequence[str] = (MODEL,), custom_id: bool = True, more: str = "") -> str:
    return (
        f"batchspec: 1\nname: {name}\nmodels: [{', '.join(models)}]\ninputs: rows.csv\n"
        + ('custom_id: "{{ row.id }}"\n' if custom_id else "")
        + 'prompt: "Say {{ row.word }}"\n'
        + more
    )


def table(words: Sequence[str], *, first: int = 0) -> str:
    return "id,word,note\n" + "".join(f"r{n},{word},n{n}\n" for n, word in enumerate(words, first))
