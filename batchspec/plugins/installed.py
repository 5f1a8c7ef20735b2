"""Finds installed plugins by their entry points, and loads one by its name; scans nothing before somebody asks.

What the project's own folder holds is never looked at: a repository must not be able to name code that runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple, TypeVar

from batchspec.core.offered import PluginClashError, PluginError
from batchspec.plugins.foreign import called, passes, words
from batchspec.plugins.surface import API_VERSION, InputPlugin, OutputPlugin, ProviderPlugin

KINDS = ("inputs", "outputs", "providers")
_GROUP = "batchspec."
_NAME = re.compile(r"[a-z][a-z0-9_+-]{0,31}")
_SITES = frozenset({"site-packages", "dist-packages"})
"""Where environments have what is installed. One may lie in the project's folder, and be on the path of another."""

_CODE = frozenset({".py", ".so", ".pyd"})

_Plugin = TypeVar("_Plugin", InputPlugin, OutputPlugin, ProviderPlugin)


class Installed(NamedTuple):
    """One entry point: its kind, its name, what it names in code, and the distribution that has it."""

    kind: str
    name: str
    target: str
    distribution: str
    version: str

    @property
    def told(self) -> str:
        """Name and version of the distribution, as messages have them."""
        return f"{self.distribution} {self.version}"


def installed(root: Path) -> tuple[Installed, ...]:
    """Return every plugin that is installed, in the order of kinds and names. `root` is the project's."""
    here = os.getcwd()  # noqa: PTH109 - as sys.path has it
    # With when each was changed last: a notebook may install something and go on.
    return _scan(str(root.resolve()), here, tuple((folder, _changed(folder)) for folder in sys.path))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - what is on the path need not be a path
    except (OSError, ValueError):
        return 0


@cache
def _scan(root: str, here: str, path: tuple[tuple[str, int], ...]) -> tuple[Installed, ...]:
    folders = [folder for folder, _ in path if not _is_the_projects_own(folder or here, root, here)]
    seen: set[str] = set()
    found: list[Installed] = []
    for distribution in metadata.distributions(path=folders):
        # What stands first on the path hides a second copy, as it does for imports.
        name = _name_of(distribution)
        if name is not None and (folded := re.sub(r"[-_.]+", "-", name).lower()) not in seen:
            seen.add(folded)
            found += _offered_by(distribution, name)
    return tuple(sorted(found, key=lambda each: (KINDS.index(each.kind), each.name, each.distribution)))


def _is_the_projects_own(folder: str, root: str, here: str) -> bool:
    real = os.path.realpath(folder)
    if real in {root, os.path.realpath(here)}:
        return real not in _site_folders()
    if os.path.basename(real) in _SITES:  # noqa: PTH119 - what is on the path need not be a path
        return False
    return Path(real).is_relative_to(root) and real not in _site_folders()


@cache
def _site_folders() -> frozenset[str]:
    """Return where this Python has what is installed: an environment may well lie in a project's folder."""
    known = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    site = import_module("site")
    known += [*site.getsitepackages(), site.getusersitepackages()]
    return frozenset(map(os.path.realpath, filter(None, known)))


def _name_of(distribution: metadata.Distribution) -> str | None:
    try:
        return distribution.metadata["Name"] or None
    except Exception:  # noqa: BLE001 - whatever is wrong with a package that need not be one of ours
        return None


def _offered_by(distribution: metadata.Distribution, name: str) -> Iterator[Installed]:
    try:
        points = list(distribution.entry_points)
        version = distribution.version
    except Exception:  # noqa: BLE001 - as above
        return
    for point in points:
        kind = point.group.removeprefix(_GROUP)
        if point.group.startswith(_GROUP) and kind in KINDS:
            yield Installed(kind, point.name.lower(), point.value, name, version or "without a version")


def named(kind: str, name: str, root: Path) -> Installed | None:
    """Return the one plugin of a name, or None. Raises PluginClashError where two distributions have it."""
    if not _NAME.fullmatch(name):
        return None
    found = [each for each in installed(root) if each.kind == kind and each.name == name]
    if len(found) > 1:
        told = " and ".join(each.told for each in found)
        raise PluginClashError(
            f"`{name}` is offered by {told}",
            why=f"which of them is meant for {kind} cannot be known",
            hint=f"uninstall one of them: `pip uninstall {found[-1].distribution}`",
        )
    return found[0] if found else None


def loaded(found: Installed, kind: type[_Plugin], root: Path) -> _Plugin:
    """Import a plugin and hold it to what it must be. Raises PluginError."""
    module, _, attribute = found.target.partition(":")
    _refuse_shadowed(found, module.partition(".")[0], root)
    try:
        thing = called(lambda: _imported(module.strip(), attribute.partition("[")[0].strip()))
    except BaseException as error:
        if passes(error):
            raise
        raise broken(found, "could not be loaded", why=words(error)) from None
    if not isinstance(thing, kind):
        why = f"`{found.target}` is of type {type(thing).__name__}, and must be batchspec.plugins.{kind.__name__}"
        raise broken(found, "is not what its entry point promises", why=why)
    if thing.api_version != API_VERSION:
        why = f"it was written for version {thing.api_version} of the plugins' interface, and this batchspec has"
        raise broken(found, "does not fit this batchspec", why=f"{why} {API_VERSION}")
    return thing


def _imported(module: str, attribute: str) -> object:
    thing: object = import_module(module)
    for step in filter(None, attribute.split(".")):
        thing = getattr(thing, step)
    return thing


def broken(found: Installed, what: str, *, why: str) -> PluginError:
    """Return the error of a plugin that cannot be used."""
    return PluginError(
        f"the plugin `{found.name}` of {found.told} {what}",
        why=why,
        hint=f"`pip install --upgrade {found.distribution}`, ask its author, or uninstall it; `batchspec doctor` lists"
        " what is installed",
    )


def _refuse_shadowed(found: Installed, top: str, root: Path) -> None:
    """Refuse a plugin whose module would be taken from the folder that the program is run in, or the project's."""
    here = os.getcwd()  # noqa: PTH109 - as sys.path has it
    real_root, real_here = os.path.realpath(root), os.path.realpath(here)
    own = [folder or here for folder in sys.path if os.path.realpath(folder or here) in {real_root, real_here}]
    own = [folder for folder in own if os.path.realpath(folder) not in _site_folders()]
    spec = PathFinder.find_spec(top, own) if own and top not in sys.modules else None
    # A folder without code of its own hides nothing.
    if spec is not None and spec.origin is not None:
        raise broken(
            found,
            "would be loaded from the project's folder",
            why=f"the folder has a `{top}` too, and Python looks there first; nothing of a project is ever loaded",
        )


@cache
def code_mark(found: Installed) -> str:
    """Return what a loaded plugin is known by: its names and version, and its code as it lies on disk."""
    digest = hashlib.sha256()
    top = sys.modules.get(found.target.partition(":")[0].strip().partition(".")[0])
    for path in _code_files(list(getattr(top, "__path__", ())), getattr(top, "__file__", None)):
        digest.update(f"\n{path.name} ".encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{found.kind} {found.name} {found.told} {found.target} {digest.hexdigest()}"


def _code_files(folders: Sequence[str], file: str | None) -> list[Path]:
    if not folders:
        return [path for path in [Path(file or "")] if path.is_file()]
    found = [path for folder in folders for path in Path(folder).rglob("*") if path.suffix in _CODE]
    return sorted(path for path in found if path.is_file())
