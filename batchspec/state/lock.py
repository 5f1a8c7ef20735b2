"""One writer at a time: an operating-system lock beside the state, which dies with its process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from batchspec.core.errors import LockedError, StateError


@contextmanager
def state_lock(
    state: Path, command: str, timeout: float = 0.0, stop: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the state for a command that writes, waiting up to `timeout` seconds for whoever holds it.

    `stop` is called while it waits, and raises to end that. Raises LockedError, which says who holds it, since when and
    doing what.
    """

    def told_to_stop() -> bool:
        stop()
        return False

    path = state.with_name(state.name + ".lock")
    holder = state.with_name(state.name + ".holder.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock that is only a file would outlive a killed process.
        lock = FileLock(path, mode=0o600, fallback_to_soft=False)
        lock.acquire(timeout=timeout, cancel_check=told_to_stop)
    except Timeout:
        raise LockedError(
            f"the state is in use{_described(holder)}",
            hint="wait for it to end, or give --lock-timeout a duration; the lock goes away with its process",
        ) from None
    except OSError as error:
        raise StateError(
            f"the state's lock {path} cannot be taken: {error.strerror or error}",
            hint="the folder must be writable and on a file system with locks; --state names another place",
        ) from None
    try:
        _describe(holder, command)
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _describe(holder: Path, command: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    # Only for people: the lock holds without it, on a full disk too.
    with suppress(OSError):
        descriptor = os.open(holder, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps({"pid": os.getpid(), "command": command, "since": since}))


def _described(holder: Path) -> str:
    try:
        told = json.loads(holder.read_text(encoding="utf-8"))
        return f" by `batchspec {told['command']}` (process {told['pid']}) since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
