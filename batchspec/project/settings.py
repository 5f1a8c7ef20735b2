"""Reads `batchspec.toml`: the project's id and paths, and the defaults of its specs.

The defaults are kept as plain values with their places; the spec's own schema judges them later.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from batchspec.core.diagnostics import Location, did_you_mean
from batchspec.core.errors import FileProblemError
from batchspec.core.ports import ProjectFiles
from batchspec.project.root import SETTINGS_FILE
from batchspec.project.toml_places import KeyPath
from batchspec.project.toml_text import TomlText

DEFAULT_KEYS = ("endpoint", "model", "models", "metadata", "timeout_hours", "retry", "limits", "tags")
"""The spec's keys that `[defaults]` may give."""

_TABLES = ("project", "defaults")
_PROJECT_KEYS = ("id", "state", "output_dir")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `batchspec.toml` says.

    `state` and `output_dir` are POSIX paths relative to the root. `default_places` has a place for every key of
    `defaults` and, joined by dots, for every key below it ("metadata", "metadata.owner").
    """

    project_id: str | None = None
    state: str = ".batchspec/state.db"
    output_dir: str = "results"
    defaults: Mapping[str, object] = field(default_factory=dict)
    default_places: Mapping[str, Location] = field(default_factory=dict)


def load_settings(files: ProjectFiles) -> Settings:
    """Read the project's settings; a project without a batchspec.toml has the defaults.

    Raises InvalidInputError with every finding and its place, and FileProblemError where the file cannot be read.
    """
    if not files.glob(SETTINGS_FILE):
        return Settings()
    text = files.read_text(SETTINGS_FILE)
    toml = TomlText(SETTINGS_FILE, text)
    settings = _Reading(toml).settings(files)
    if toml.findings:
        raise toml.invalid()
    return settings


class _Reading:
    """One reading of the file, and what was found wrong on the way."""

    def __init__(self, toml: TomlText) -> None:
        self.document = toml.document
        self._toml = toml
        self._add = toml.add

    def settings(self, files: ProjectFiles) -> Settings:
        self._refuse_unknown((), self.document, _TABLES)
        project = self._table("project", _PROJECT_KEYS)
        defaults = self._table("defaults", DEFAULT_KEYS)
        self._refuse_unlike_json(("defaults",), defaults)
        plain = Settings()
        return Settings(
            project_id=self._project_id(project),
            state=self._path(files, project, "state", plain.state),
            output_dir=self._path(files, project, "output_dir", plain.output_dir),
            defaults=dict(defaults),
            default_places=dict(self._default_places()),
        )

    def _table(self, name: str, known: Iterable[str]) -> Mapping[str, object]:
        value = self.document.get(name, {})
        if not isinstance(value, dict):
            self._add((name,), "wrong-type", f"`{name}` must be a table", hint=f"write it as `[{name}]`")
            return {}
        self._refuse_unknown((name,), value, known)
        return value

    def _refuse_unknown(self, above: KeyPath, table: Mapping[str, object], known: Iterable[str]) -> None:
        for key in table:
            if key not in known:
                what = f"unknown key `{key}`" + (f" in `[{above[0]}]`" if above else "")
                self._add((*above, key), "unknown-key", what, hint=did_you_mean(key, known))

    def _project_id(self, project: Mapping[str, object]) -> str | None:
        value = project.get("id")
        if value is None:
            return None
        if isinstance(value, str) and _is_uuid(value):
            return value.lower()
        self._add(
            ("project", "id"),
            "project-id",
            "`id` must be a UUID in quotes",
            detail="it marks this project's jobs at the provider",
            hint="`batchspec init` writes one, such as 123e4567-e89b-42d3-a456-426614174000",
        )
        return None

    def _path(self, files: ProjectFiles, project: Mapping[str, object], key: str, default: str) -> str:
        value = project.get(key, default)
        place = ("project", key)
        if not isinstance(value, str):
            self._add(place, "wrong-type", f"`{key}` must be a path in quotes", hint=f'write, for example, "{default}"')
            return default
        try:
            return files.join(SETTINGS_FILE, value)
        except FileProblemError as error:
            self._add(place, error.code, error.summary, detail=error.why, hint=error.hint)
            return default

    def _refuse_unlike_json(self, path: KeyPath, value: object) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._refuse_unlike_json((*path, key), item)
        elif isinstance(value, list):
            for item in value:
                self._refuse_unlike_json(path, item)
        elif not isinstance(value, str | int | float):
            kind = type(value).__name__
            self._add(path, "wrong-type", f"`{path[-1]}` holds a TOML {kind}", hint="put it in quotes to make it text")
        elif isinstance(value, float) and not math.isfinite(value):
            self._add(path, "wrong-type", f"`{path[-1]}` is {value}, which JSON has no form for", hint="use a number")

    def _default_places(self) -> Iterator[tuple[str, Location]]:
        for path in self._toml.places:
            if path[0] == "defaults" and len(path) > 1:
                yield ".".join(path[1:]), self._toml.place(path)[0]


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
