"""What the program asks of the world: small Protocols that the adapters fill and tests can fill otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from batchspec.core.diagnostics import DiagnosticSink
from batchspec.core.model import BatchJob, BodyDigest, InputRow, JobRequest, RemoteFile, RequestDigest


class Clock(Protocol):
    """Time, so that waiting can be tested without waiting."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns early or raises Interrupted when a signal asks to stop."""
        ...


class ProjectFiles(Protocol):
    """The files of a project, confined to its root. Every path is POSIX and relative to the root.

    Each method raises FileProblemError for a path that is missing, leaves the root (also by a symlink), or is no
    regular file.
    """

    def join(self, beside: str, path: str) -> str:
        """Return `path`, as written in the file `beside`, relative to the root."""
        ...

    def read_text(self, path: str) -> str:
        """Return a UTF-8 text file, its byte order mark dropped, line ends as they are."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading as a stream of bytes."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Return the files that match, in name order; `**` spans folders."""
        ...


class RowSource(Protocol):
    """Streams the rows of a spec's inputs."""

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield every row in order, never holding a file whole; what is wrong goes to `sink`, and reading goes on."""
        ...


class Progress(Protocol):
    """Where long work says how far it is."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        """Begin a phase ("rendering", "upload", "waiting", "download") of `total` units, None where not known.

        `done` of them were so before it began.
        """
        ...

    def advance(self, count: int = 1) -> None:
        """Count work done since the last call."""
        ...

    def note(self, text: str) -> None:
        """Show what the phase is doing now (a job's status, a countdown)."""
        ...

    def finish(self) -> None:
        """End the phase."""
        ...


Checkpoint = Callable[[str], None]
"""Called with a name before and after every durable or remote step; tests end the process there."""


class Provider(Protocol):
    """The files and batch-jobs API.

    Every method raises AccessError for a refused key, ProviderRefusedError for a definite refusal, and
    ProviderUnavailableError when no usable answer came within the permitted retries. `upload` and `download` are called
    from several threads at once; all else from one.
    """

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        """Upload a file, streaming it. May be repeated: a duplicate costs nothing.

        What is `hashed` comes back with the SHA-256 of the bytes that went out.
        """
        ...

    def get_file(self, file_id: str) -> RemoteFile | None:
        """Return what the provider knows of a file, or None where there is none of that id."""
        ...

    def find_files(self, filename: str, purpose: str = "batch") -> Sequence[RemoteFile]:
        """Return the uploaded files of exactly this name and purpose."""
        ...

    def list_files(self) -> Iterator[RemoteFile]:
        """Yield every file of the workspace, whoever has made it."""
        ...

    def create_job(self, request: JobRequest) -> BatchJob:
        """Create a job with exactly one POST, never repeated.

        Raises SubmissionUnknownError when it was sent and no definite answer came.
        """
        ...

    def get_job(self, job_id: str) -> BatchJob | None:
        """Return the job, or None where the provider knows none of that id."""
        ...

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        """Yield the jobs created at or after a Unix time, every page of them, in no promised order."""
        ...

    def cancel_job(self, job_id: str) -> BatchJob:
        """Ask the provider to cancel a job and return it as it then is."""
        ...

    def outputs(self, job_id: str) -> Sequence[bytes]:
        """Return the answers of a job that was sent without files: the JSON of a result line each."""
        ...

    def delete_file(self, file_id: str) -> bool:
        """Delete a file; return whether it was there."""
        ...

    def delete_job(self, job_id: str) -> bool:
        """Delete a job's record; return whether it was there."""
        ...

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        """Stream a file's content into `destination` (written whole or not at all) and return its bytes."""
        ...


class SpooledFile(NamedTuple):
    """A finished batch file: its name is its SHA-256 in hexadecimal; `lines` and `size` (bytes) count its content."""

    sha256: str
    lines: int
    size: int


class SpoolWriter(Protocol):
    """A batch file that is being written."""

    lines: int
    size: int

    def add(self, lines: Sequence[bytes], told: bytes = b"") -> None:
        """Append lines, each with its newline. What is `told` of them is kept beside the file."""
        ...

    def fork(self) -> SpoolWriter:
        """Return another file that begins with what this one holds so far, and with what was told of it."""
        ...

    def finish(self) -> SpooledFile:
        """Make the file durable under its digest; one with the same bytes may be there already."""
        ...


class Spool(Protocol):
    """Where batch files wait for their upload."""

    def begin(self) -> SpoolWriter:
        """Start a file."""
        ...

    def path(self, sha256: str) -> Path:
        """Return where a finished file lies."""
        ...

    def told(self, sha256: str) -> Iterator[bytes]:
        """Yield what was told of a finished file's lines, piece by piece as it was added."""
        ...

    def remove(self, sha256: str) -> None:
        """Let a finished file go, and what was told of it."""
        ...


class Scratch(Protocol):
    """What one plan must remember of every row, without holding it in memory."""

    def add_ids(
        self, spec: str, ids: Sequence[str], bodies: Sequence[BodyDigest], places: Sequence[tuple[str, int]] = ()
    ) -> dict[int, str]:
        """Remember rows, with the path and line of each where that is of interest.

        Returns, where an id was taken, `path:line` of the row that has it, by index.
        """
        ...

    def add_bodies(self, spec: str, bodies: Sequence[BodyDigest]) -> set[int]:
        """Remember bodies; return the indices of those that this spec had already."""
        ...

    def reserve(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Reserve requests for sending; return those that were not reserved before."""
        ...

    def rows(self, spec: str) -> Iterator[tuple[str, BodyDigest]]:
        """Yield the rows that `add_ids` remembered as (custom_id, body)."""
        ...
