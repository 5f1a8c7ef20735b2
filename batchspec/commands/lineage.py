"""Gathers what an output's manifest says while the output is written, and writes the manifest beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

from batchspec import __version__
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.contents import sha256_of
from batchspec.core.errors import FileProblemError
from batchspec.core.ledger import RecordedResult
from batchspec.core.manifest import Answers, Commit, Lineage, is_manifest, manifest
from batchspec.core.model import FileList, RequestDigest
from batchspec.core.model_lock import LOCK_FILE
from batchspec.core.outputs import manifest_path
from batchspec.core.ports import Scratch
from batchspec.core.records import WritesBytes


class Tally:
    """What the answers of one output tell, each request counted once however many rows share it."""

    def __init__(self, models: Sequence[str], scratch: Scratch) -> None:
        self.answers = {model: Answers() for model in models}
        self.jobs: set[str] = set()
        self._scratch = scratch

    def fresh(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Return those of some answered requests that no earlier row has had."""
        return self._scratch.reserve(digests)

    def add(self, model: str, results: Sequence[tuple[RecordedResult, object]]) -> None:
        """Count the results of some requests, each with its answer, None where it has none."""
        self.jobs.update([result.job_id for result, _ in results if result.job_id])
        self.answers[model].add([body for _, body in results if body is not None])


class HashedStream:
    """A stream that is written, and the SHA-256 of all that was."""

    def __init__(self, stream: WritesBytes) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        """Write bytes."""
        self._digest.update(data)
        return self._stream.write(data)

    def sha256(self) -> str:
        """Return the digest so far in hexadecimal."""
        return self._digest.hexdigest()


def lineage_of(
    loaded: LoadedSpec,
    tally: Tally,
    sha256: str,
    counts: Mapping[str, int],
    ends: Mapping[str, int],
    commit: Commit | None,
    world: World,
) -> Lineage:
    """Return all that is to be said of how an output of these bytes came about."""
    spec = loaded.spec
    return Lineage(
        version=__version__,
        spec=spec.name,
        spec_path=spec.path,
        sources=loaded.sources.texts,
        commit=None if commit is None else commit.id,
        clean=None if commit is None else _is_clean(commit, world),
        endpoint=spec.endpoint,
        variants=[each.shown for each in spec.combinations] if spec.has_matrix else [],
        replicates=spec.replicates,
        revision=spec.revision,
        environment=spec.environment,
        inputs=input_digests(loaded),
        answers=tally.answers,
        jobs=sorted(tally.jobs),
        output_path=spec.output_path,
        output_sha256=sha256,
        counts=counts,
        ends=ends,
        pins=spec.pins,
        prices=world.prices,
        plugins=sorted({each.told for each in (*loaded.makers, loaded.output_maker) if each is not None}),
    )


def commit_of(loaded: LoadedSpec, world: World) -> Commit | None:
    """Return the commit that is checked out, with what of a spec's own files differs from it."""
    lock = [LOCK_FILE] if loaded.spec.pins else []
    return world.commit(sorted({*loaded.sources.texts, *lock}))


def write_manifest(lineage: Lineage, world: World) -> None:
    """Write the manifest of an output that was just written, unless the one that is there says the same."""
    told = manifest(lineage)
    path = manifest_path(lineage.output_path)
    if _content(path, len(told), world) != told:
        with world.open_output(path) as stream:
            stream.write(told)


def _is_clean(commit: Commit, world: World) -> bool | None:
    """Tell whether nothing but outputs differs from the commit: those follow from the rest."""
    if commit.changed is None:
        return None
    return all(is_manifest(path) or world.ledger.saved_output(path) is not None for path in commit.changed)


def input_digests(loaded: LoadedSpec) -> dict[str, str] | None:
    """Return the SHA-256 of each file that a spec's rows were read from; None where their content makes no row."""
    if isinstance(loaded.spec.inputs, FileList):
        return None
    digests = dict(loaded.inputs.texts)
    for path in loaded.inputs.opened:
        # A file that is gone by now was there for the rows before; its absence ends the next run, not this one.
        with suppress(FileProblemError):
            digests.setdefault(path, sha256_of(path, loaded.inputs))
    return digests


def _content(path: str, size: int, world: World) -> bytes | None:
    try:
        at = world.local_path(path)
        return at.read_bytes() if at.stat().st_size == size else None
    except OSError:
        return None
