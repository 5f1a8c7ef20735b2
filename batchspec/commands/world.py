"""What every command that talks to the provider shares: its collaborators, gathered once by `cli`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from batchspec.commands.desired import Stop
from batchspec.core.ledger import Ledger
from batchspec.core.manifest import Commit
from batchspec.core.metering import Costing
from batchspec.core.model_cards import ModelCatalogue
from batchspec.core.ports import Checkpoint, Clock, Progress, Provider, Scratch, Spool
from batchspec.core.pricing import PriceTable
from batchspec.core.protocol import DEFAULT_SETTLE_SECONDS
from batchspec.core.records import OpenWriter

if TYPE_CHECKING:
    from concurrent.futures import Executor

TRANSFERS_AT_ONCE = 4

NewScratch = Callable[[], AbstractContextManager[Scratch]]
OpenOutput = Callable[[str], AbstractContextManager[BinaryIO]]


def _no_repository(_sources: Sequence[str]) -> None:
    """Know of no repository."""


def _threads(name: str) -> Executor:
    # Whoever transfers nothing does without the import.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    return ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The collaborators of a command. `provider` is None where there is no key: then nothing is refreshed.

    `open_output` opens a path, relative to the project's root, to be written whole or not at all, and `open_writer`
    gives what writes the rows of a format to it; `fingerprint` changes with a file there, and is None where there is
    none; `local_path` is where it lies on disk. `downloads` is a folder for result files on their way in. `commit` is
    what git says of the project, and of some files in it. `settle_seconds` is how long an unresolved submission is
    looked for. `costing` says what sending would come to, for a command that asks; `prices` what the answers have cost.
    `catalogue` is where the provider's models are listed, None like `provider`.
    `locked` is whether the ledger may be written: a command that only looks may run beside one that writes. `threads`
    gives what carries out transfers beside each other.
    """

    ledger: Ledger
    provider: Provider | None
    spool: Spool
    new_scratch: NewScratch
    open_output: OpenOutput
    open_writer: OpenWriter
    fingerprint: Callable[[str], str | None]
    local_path: Callable[[str], Path]
    downloads: Path
    clock: Clock
    progress: Progress
    stop: Stop
    checkpoint: Checkpoint
    commit: Callable[[Sequence[str]], Commit | None] = _no_repository
    settle_seconds: float = DEFAULT_SETTLE_SECONDS
    costing: Costing | None = None
    prices: PriceTable | None = None
    catalogue: ModelCatalogue | None = None
    locked: bool = True
    threads: Callable[[str], Executor] = _threads


@dataclass(slots=True)
class Notes:
    """What a command wants said to a person, in order; nothing that a program would rely on."""

    lines: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add a sentence, once however often it is said."""
        if text not in self.lines:
            self.lines.append(text)
