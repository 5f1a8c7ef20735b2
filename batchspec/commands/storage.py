"""How much room a project takes: what its state and the files beside it weigh, and its files at the provider."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from batchspec.core.ports import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStorage:
    """Bytes on this machine: the state, copies of it that `state rebuild` has kept, what is on its way, logs."""

    state: int = 0
    copies: int = 0
    on_the_way: int = 0
    logs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStorage:
    """Files at the provider and their bytes: this project's, and those of the whole workspace.

    `unsized` counts files of the workspace whose size the provider does not tell.
    """

    files: int = 0
    size: int = 0
    all_files: int = 0
    all_size: int = 0
    unsized: int = 0


def remote_storage(provider: Provider, own: Collection[str]) -> RemoteStorage:
    """Return what the workspace holds; `own` are the ids of this project's files, gone ones included."""
    files = size = all_files = all_size = unsized = 0
    for file in provider.list_files():
        all_files += 1
        all_size += file.size or 0
        unsized += file.size is None
        if file.id in own:
            files += 1
            size += file.size or 0
    return RemoteStorage(files=files, size=size, all_files=all_files, all_size=all_size, unsized=unsized)
