"""Uploads the local files that requests name, once for each content, and makes the lines that go out."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.commands.world import World
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import RemoteFile
from batchspec.core.ports import Provider, SpooledFile
from batchspec.core.uploads import PURPOSE, LocalFile, marked, with_ids


class Uploads:
    """The local files of one spec's requests, by SHA-256, on their way to the provider."""

    def __init__(self, files: Mapping[str, LocalFile], world: World, provider: Provider) -> None:
        self._files = files
        self._world = world
        self._provider = provider
        self._ids: dict[str, str] = {}

    def outgoing(self, part: SpooledFile) -> SpooledFile:
        """Return the file to send for a spooled part: itself, or one with ids in place of its marks."""
        if not self._files:
            return part
        spool = self._world.spool
        with spool.path(part.sha256).open("rb") as stream:
            needed = {sha256 for line in stream for sha256 in marked(line)}
        if not needed:
            return part
        for sha256 in sorted(needed & set(self._files)):
            self._world.stop()
            self._ids.setdefault(sha256, self._id(self._files[sha256]))
        writer = spool.begin()
        with spool.path(part.sha256).open("rb") as stream:
            for line in stream:
                writer.add([with_ids(line, self._ids)])
        return writer.finish()

    def _id(self, file: LocalFile) -> str:
        ledger = self._world.ledger
        known = ledger.find_file(file.sha256)
        candidates = [known] if known is not None and known.id else self._provider.find_files(file.remote_name, PURPOSE)
        for candidate in candidates:
            # It may have expired, or been deleted, since it was uploaded.
            if self._provider.get_file(candidate.id) is not None:
                ledger.save_file(file.sha256, candidate)
                return candidate.id
        self._world.checkpoint("submit:before-local-upload")
        path = self._world.local_path(file.path)
        uploaded = self._provider.upload(path, file.remote_name, self._world.progress, PURPOSE, hashed=True)
        self._world.checkpoint("submit:after-local-upload")
        self._check(file, uploaded)
        ledger.save_file(file.sha256, uploaded)
        return uploaded.id

    def _check(self, file: LocalFile, uploaded: RemoteFile) -> None:
        if uploaded.sha256 is not None and uploaded.sha256 != file.sha256:
            self._provider.delete_file(uploaded.id)
            raise InvalidInputError(
                f"{file.path} has changed since the plan was made",
                why="what was uploaded is not what the plan is about; no job was created with it",
                hint="run again",
            )
