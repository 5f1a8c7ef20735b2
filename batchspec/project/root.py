"""Finds the folder that a project's paths are relative to, and that none of them may leave."""

from __future__ import annotations

from pathlib import Path

from batchspec.core.errors import FileProblemError

SETTINGS_FILE = "batchspec.toml"


def find_root(start: Path, override: Path | None = None) -> Path:
    """Return the project's root, absolute and with every symlink followed.

    It is `override` where given; else the nearest folder at or above `start` that holds a batchspec.toml; else the
    nearest that holds a `.git`; else `start` itself. Raises FileProblemError where that is no folder.
    """
    if override is not None:
        return _existing_folder(override)
    here = _existing_folder(start)
    lineage = (here, *here.parents)
    for folder in lineage:
        if (folder / SETTINGS_FILE).is_file():
            return folder
    for folder in lineage:
        # A worktree and a submodule have a file there, a clone has a folder.
        if (folder / ".git").exists():
            return folder
    return here


def _existing_folder(folder: Path) -> Path:
    try:
        resolved = folder.resolve(strict=True)
    except FileNotFoundError:
        raise FileProblemError(
            f"there is no folder `{folder}`", hint="name a folder that exists, or a file in one"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        what = f"the folder `{folder}` cannot be used"
        raise FileProblemError(what, why=str(error), hint="name another folder, or mend its rights") from None
    if not resolved.is_dir():
        raise FileProblemError(f"`{folder}` is not a folder", hint="name the folder that holds it")
    return resolved
