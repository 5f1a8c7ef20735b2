"""How an emulator uses the server behind it, as its starter chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from batchspec.emulator.refusals import EmulatorError

_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """Options of the server behind an emulator.

    - `url`: its address, with or without `/v1` at the end; `key`: the key for it, which is never shown.
    - `concurrency`: how many requests are under way at once, over all jobs.
    - `answer_seconds`: how long one try may take; `line_seconds` and `tries`: when a line that is refused for the
      moment, or gets no answer, has failed. The time for which the server cannot be reached at all does not count.
    - `grace_seconds`: how long the answers under way are waited for when the emulator stops.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    concurrency: int = 8
    answer_seconds: float = 600
    line_seconds: float = 900
    tries: int = 10
    grace_seconds: float = 3


def read_key(text: str) -> str | None:
    """Return the key that an environment variable holds, or None where it is empty. Raises EmulatorError."""
    key = text.strip()
    if key and not _KEY.fullmatch(key):
        raise EmulatorError(
            "BATCHSPEC_UPSTREAM_KEY is not a key",
            why="it holds a blank, a line break or a character outside ASCII",
            hint="set it to the upstream server's key alone, or unset it",
        )
    return key or None
