"""How an emulator behaves, as its starter chooses."""

from __future__ import annotations

from dataclasses import dataclass, field

from batchspec.emulator.faults import Faults
from batchspec.emulator.upstream.options import UpstreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorOptions:
    """Options of one server.

    - `key`: the one key that is accepted; None accepts any that is not empty.
    - `queue_seconds`: how long a job stays QUEUED; `line_seconds`: how long each of its lines takes.
    - `cancel_seconds`: how long a running job goes on after its cancel was requested.
    - `hour_seconds`: how long an hour of `timeout_hours` lasts.
    - `in_order`: result lines in the order of the input, where the service gives them in any (not with `upstream`).
    - `upstream`: the live server that answers in place of the made-up answers.
    - `max_file_bytes`: the largest file that can be uploaded (the service takes 512 MB).
    """

    key: str | None = None
    queue_seconds: float = 0
    line_seconds: float = 0
    cancel_seconds: float = 0
    hour_seconds: float = 3600
    in_order: bool = False
    upstream: UpstreamOptions | None = None
    max_file_bytes: int = 512 * 1024 * 1024
    faults: Faults = field(default_factory=Faults)
