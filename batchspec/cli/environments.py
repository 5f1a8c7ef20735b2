"""Loads the specs of a project in each of their environments, for what concerns everything that they may ever send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from batchspec.cli.wiring import Project, loader
from batchspec.commands.loaded import LoadedSpec
from batchspec.core.extending import environments_of


def load_in_every_environment(project: Project, paths: Sequence[str]) -> tuple[LoadedSpec, ...]:
    """Load specs as they are in the project's environment, or without one, and once more for each that they declare.

    A spec is among them as often as it is another one. Raises InvalidInputError.
    """
    first = loader(project).load(paths)
    declared = {name for loaded in first for name in environments_of(loaded.spec.document)}
    more = [
        loaded
        for name in sorted(declared - {project.environment})
        for loaded in loader(replace(project, environment=name)).load(paths)
        if _is_another(loaded)
    ]
    return (*first, *more)


def _is_another(loaded: LoadedSpec) -> bool:
    """Tell whether an environment has changed a spec, or what it goes on from."""
    upstream = loaded.upstream
    return loaded.spec.environment is not None or (upstream is not None and _is_another(upstream))
