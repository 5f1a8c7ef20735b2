"""Machines that apply: the program's own refresh and submission, over a real ledger, in the model's time.

What is left out is only what no protocol depends on: reading specs and rows, and writing results.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

import greenlet
import pytest
from exploring import Choices
from service import Bounds, Provider, Service

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.refresh import adopt, look, refresh
from batchspec.commands.submit import submit
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity, body_digest
from batchspec.core.errors import BatchspecError
from batchspec.core.ledger import RequestStatus
from batchspec.core.lines import read_request_lines, request_line, told_of
from batchspec.core.model import RequestDigest
from batchspec.core.planning import PendingShard, decide
from batchspec.core.ports import SpooledFile, SpoolWriter
from batchspec.state.store import SqliteLedger

CHAT, MODEL, PROJECT = "/v1/chat/completions", "m", "00000000-0000-4000-8000-00000000000b"
SETTLE = 20.0
"""More than twice the late effect and the lag of the model: half of it is the time between intent and POST."""
_IDENTITY = RequestIdentity(CHAT, MODEL)
_T = TypeVar("_T")


class Died(BaseException):
    """The process ends here: nothing may catch it."""


def body(name: str) -> bytes:
    return b'{"prompt":"%s"}' % name.encode()


def digest(name: str) -> RequestDigest:
    return _IDENTITY.digest(body_digest(body(name)))


class _Spool:
    """Holds the lines of a shard; a file is written again whenever it is asked for, since sending removes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[str, bytes] = {}

    def keep(self, names: Sequence[str]) -> SpooledFile:
        content = b"".join(request_line(name, body(name)) for name in names)
        sha256 = hashlib.sha256(content).hexdigest()
        self._contents[sha256] = content
        return SpooledFile(sha256, len(names), len(content))

    def path(self, sha256: str) -> Path:
        path = self._folder / sha256
        if not path.exists():
            path.write_bytes(self._contents[sha256])
        return path

    def told(self, sha256: str) -> Iterator[bytes]:
        lines = list(read_request_lines(self._contents[sha256].splitlines(keepends=True)))
        yield told_of([line.custom_id for line in lines], [line.body for line in lines])

    def remove(self, sha256: str) -> None:
        (self._folder / sha256).unlink(missing_ok=True)

    def begin(self) -> SpoolWriter:
        raise AssertionError("no file is made on the way")


class _Silent:
    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finish(self) -> None:
        pass


class _OneByOne(Executor):
    """Carries out what would be done in threads at once, where it is begun: so every schedule is known again."""

    def submit(self, fn: Callable[..., _T], /, *given: object, **named: object) -> Future[_T]:
        done: Future[_T] = Future()
        try:
            done.set_result(fn(*given, **named))
        except BatchspecError as error:
            done.set_exception(error)
        return done


class Machine:
    """A machine with a state of its own. Its steps are where it may die, be overtaken, or be suspended."""

    def __init__(
        self, folder: Path, service: Service, choices: Choices, bounds: Bounds, names: Sequence[str], spec: LoadedSpec
    ) -> None:
        self.ledger = SqliteLedger(None, PROJECT)
        self.names = names
        self.per_shard = len(names)
        self.turn: Callable[[str], None] = lambda _: None
        self.sleeping: Callable[[float], None] = service.pass_time
        self.suspended: Callable[[], None] = lambda: None
        self.provider = Provider(service, choices, bounds, self._take_turn)
        self._service = service
        self._choices = choices
        self._bounds = bounds
        self._specs = {"demo": spec}
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._spool = _Spool(self._folder)

    def _take_turn(self, name: str) -> None:
        self.turn(name)

    def now(self) -> float:
        return self._service.now

    def sleep(self, seconds: float) -> None:
        self.sleeping(self._service.now + seconds)

    def checkpoint(self, name: str) -> None:
        self.turn(name)
        ways = ["on", *["dies"] * (self._bounds.crashes > 0), *["sleeps"] * (self._bounds.suspensions > 0)]
        match self._choices.pick(name, tuple(ways)):
            case "dies":
                self._bounds.crashes -= 1
                raise Died(name)
            case "sleeps":
                self._bounds.suspensions -= 1
                self.suspended()

    def maybe_sleep(self) -> None:
        """Be suspended here, in one schedule, while a call is on its way."""
        if self._bounds.suspensions and self._choices.pick("on its way", ("on", "sleeps")) == "sleeps":
            self._bounds.suspensions -= 1
            self.suspended()

    def world(self) -> World:
        return World(
            ledger=self.ledger,
            provider=self.provider,
            spool=self._spool,
            new_scratch=pytest.fail,
            open_output=pytest.fail,
            open_writer=lambda *_: pytest.fail("nothing here writes results"),
            fingerprint=pytest.fail,
            local_path=pytest.fail,
            downloads=self._folder,
            clock=self,
            progress=_Silent(),
            stop=lambda: None,
            checkpoint=self.checkpoint,
            settle_seconds=SETTLE,
            threads=lambda _: _OneByOne(),
        )

    def apply(self) -> None:
        """Do what one run of `apply` does: refresh, send, look whether another has sent too, resolve what is open."""
        world = self.world()
        for _ in range(3):
            done = refresh(world, self.provider, settle=True)
            shards = self._pending()
            if not shards:
                return
            submitted = submit(
                shards, self._specs, world=world, provider=self.provider, left_alone=frozenset(done.left_alone)
            )
            if not submitted.unknown and not submitted.given_up:
                adopt(world, self.provider, done)
                if any(claim.surplus for claim in self.ledger.claims_in_flight()):
                    look(world, self.provider, done)
                return

    def _pending(self) -> list[PendingShard]:
        known = self.ledger.recorded([digest(name) for name in self.names])
        names = [name for name in self.names if decide(known.get(digest(name)), 3).sends]
        shards = [names[start : start + self.per_shard] for start in range(0, len(names), self.per_shard)]
        return [
            PendingShard(spec="demo", endpoint=CHAT, model=MODEL, parts=(self._spool.keep(shard),)) for shard in shards
        ]

    def apply_until_done(self) -> None:
        """Run `apply` again after every death and every error, as a schedule or a person would."""
        for _ in range(10):
            try:
                self.apply()
            except (Died, BatchspecError):
                continue
            return
        raise AssertionError("ten runs did not end well")

    def statuses(self) -> list[RequestStatus | None]:
        known = self.ledger.recorded([digest(name) for name in self.names])
        return [known[digest(name)].status if digest(name) in known else None for name in self.names]

    def copy_state_to(self, other: Machine) -> None:
        """Give another machine a copy of this one's state, as a backup or a moved folder would."""
        source: sqlite3.Connection = self.ledger._database.conn
        source.backup(other.ledger._database.conn)


def take_turns(machines: Sequence[Machine], service: Service, choices: Choices, bounds: Bounds) -> None:
    """Let machines apply at the same time: at every step another may go on instead, as often as the bounds allow."""
    wake = dict.fromkeys(range(len(machines)), 0.0)
    home = greenlet.getcurrent()
    runs = {number: greenlet.greenlet(machine.apply_until_done) for number, machine in enumerate(machines)}

    def hand_over(number: int, name: str) -> None:
        others = [str(other) for other in runs if other != number and not runs[other].dead and other in wake]
        if bounds.switches and others:
            ways = (str(number), *others)
            chosen = choices.pick(f"{name} of machine {number}, then goes", ways)
            if chosen != str(number):
                bounds.switches -= 1
                wake[number] = service.now
                home.switch(int(chosen))

    def sleep(number: int, until: float) -> None:
        wake[number] = until
        while service.now < until:
            home.switch(None)

    for number, machine in enumerate(machines):
        machine.turn = lambda name, number=number: hand_over(number, name)  # type: ignore[misc]
        machine.sleeping = lambda until, number=number: sleep(number, until)  # type: ignore[misc]
    following: int | None = None
    while alive := [number for number, run in runs.items() if not run.dead]:
        number = following if following in alive else min(alive, key=lambda each: (max(wake[each], service.now), each))
        assert number is not None, "one of them is alive"
        service.pass_time(wake[number])
        following = runs[number].switch()
    for machine in machines:
        machine.turn = lambda _: None
        machine.sleeping = service.pass_time
