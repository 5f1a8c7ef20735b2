"""What can go wrong in a way that a user can mend, and the exit code that each ends with.

Foreign exceptions are translated into these at the edge where they arise; `cli` alone turns them into an exit.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchspec.core.diagnostics import Diagnostic


class ExitCode(IntEnum):
    """The published exit codes. They are never renumbered."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    ACCESS = 4
    UNRESOLVED = 5
    ROWS_FAILED = 6
    STALE_OR_LOCKED = 7
    NOT_APPROVED = 8
    LIMIT = 9
    STILL_RUNNING = 10
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class BatchspecError(Exception):
    """Something that a user can mend.

    `summary` says what happened in one line, `why` explains it, `hint` says how to mend it.
    """

    exit_code = ExitCode.ERROR
    code = "error"

    def __init__(self, summary: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.why = why
        self.hint = hint


class InvalidInputError(BatchspecError):
    """Specs, inputs, templates or options are wrong; found before anything was sent.

    `diagnostics` holds every finding with its place.
    """

    exit_code = ExitCode.INVALID
    code = "invalid"

    def __init__(
        self, summary: str, diagnostics: Sequence[Diagnostic] = (), *, why: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(summary, why=why, hint=hint)
        self.diagnostics = tuple(diagnostics)


class CommandLineError(InvalidInputError):
    """The command line is wrong: a command or an option that there is not, a value that is missing or does not fit."""

    code = "command-line"


class AccessError(BatchspecError):
    """The key is missing, refused, or belongs to another workspace than the recorded jobs."""

    exit_code = ExitCode.ACCESS
    code = "access"


class UnresolvedError(BatchspecError):
    """A job may or may not have been created; running again finds out and is safe."""

    exit_code = ExitCode.UNRESOLVED
    code = "unresolved"


class LockedError(BatchspecError):
    """Somebody else holds the state."""

    exit_code = ExitCode.STALE_OR_LOCKED
    code = "locked"


class StaleError(BatchspecError):
    """A saved plan no longer says what would be sent, or was applied already; nothing was sent."""

    exit_code = ExitCode.STALE_OR_LOCKED
    code = "stale"


class NotApprovedError(BatchspecError):
    """The plan was declined, or needs an approval that nobody is there to give."""

    exit_code = ExitCode.NOT_APPROVED
    code = "not-approved"


class LimitError(BatchspecError):
    """A declared limit was met; nothing was sent."""

    exit_code = ExitCode.LIMIT
    code = "limit"


class StateError(BatchspecError):
    """The local state cannot be used: newer than this version, damaged, or not writable."""

    code = "state"


class ProviderError(BatchspecError):
    """The provider answered in a way that ends this command.

    `status` is the HTTP status (None where no answer came); `request_id` is the provider's own, for its support.
    """

    code = "provider"

    def __init__(
        self,
        summary: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        why: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(summary, why=why, hint=hint)
        self.status = status
        self.request_id = request_id


class ProviderUnavailableError(ProviderError):
    """No usable answer came after every permitted retry; trying again later may work."""

    code = "provider-unavailable"


class ProviderRefusedError(ProviderError):
    """A definite refusal (4xx): the call had no effect.

    `line_errors` holds (line number from 1, message) pairs where an uploaded file's lines were refused.
    """

    code = "provider-refused"

    def __init__(
        self,
        summary: str,
        *,
        status: int,
        request_id: str | None = None,
        line_errors: Sequence[tuple[int, str]] = (),
        why: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(summary, status=status, request_id=request_id, why=why, hint=hint)
        self.line_errors = tuple(line_errors)


class SubmissionUnknownError(ProviderError):
    """A job's creation was sent and no definite answer came: it may exist. Never raised for a definite refusal."""

    code = "submission-unknown"


class Interrupted(BatchspecError):  # noqa: N818 - a request to stop, not a fault
    """A signal asked to stop; the call in hand was finished and recorded."""

    code = "interrupted"

    def __init__(self, signal_name: str, exit_code: ExitCode) -> None:
        super().__init__(f"stopped by {signal_name}", hint="run the same command again to go on")
        self.exit_code = exit_code


class FileProblemError(BatchspecError):
    """A path of a spec cannot be used: missing, outside the project's root, not a regular file, not text."""

    exit_code = ExitCode.INVALID
    code = "file"
