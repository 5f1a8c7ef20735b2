"""Looks at specs without loading them: what selectors ask of them, and which environments there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.extending import environments_of, extended, in_environment
from batchspec.core.ports import ProjectFiles
from batchspec.core.selecting import Kind, Selectable, Selector, Standing, selected
from batchspec.core.source import SourceDocument, load_source

Standings = Callable[[], Mapping[str, frozenset[Standing]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What selects specs: the selectors, the tags of a spec that has none, and the environment that it is read in."""

    include: Sequence[Selector] = ()
    exclude: Sequence[Selector] = ()
    default_tags: object = None
    environment: str | None = None

    def of(self, paths: Sequence[str], files: ProjectFiles, standings: Standings) -> tuple[str, ...]:
        """Return the paths of the specs that are selected; `standings` is asked where a selector is about them.

        Raises InvalidInputError for a selector that means no spec, and where none is left.
        """
        given = (*self.include, *self.exclude)
        if not given:
            return tuple(paths)
        recorded = standings() if any(each.kind is Kind.STATE for each in given) else {}
        specs = [self._looked_at(path, files, recorded) for path in paths]
        return tuple(spec.path for spec in selected(specs, self.include, self.exclude))

    def _looked_at(self, path: str, files: ProjectFiles, recorded: Mapping[str, frozenset[Standing]]) -> Selectable:
        try:
            document = load_source(files.read_text(path), path)
        except (FileProblemError, InvalidInputError):
            # What is wrong with it is told when it is loaded.
            return Selectable(path=path, name=None, tags=None)
        name = document.value_at(("name",)) if document.has(("name",)) else None
        known = name if isinstance(name, str) else None
        standing = recorded.get(known or "", frozenset({Standing.NEW}))
        return Selectable(path=path, name=known, tags=self._tags(document, files), standing=standing)

    def _tags(self, document: SourceDocument, files: ProjectFiles) -> tuple[str, ...] | None:
        try:
            document = extended(document, files)
        except InvalidInputError:
            return None
        if self.environment is not None:
            document = in_environment(document, self.environment)
        tags = document.value_at(("tags",)) if document.has(("tags",)) else self.default_tags or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            return None
        return tuple(tags)


def refuse_unknown_environment(
    name: str, loaded: Iterable[SourceDocument], paths: Callable[[], Sequence[str]], files: ProjectFiles
) -> None:
    """Raise InvalidInputError where no spec has an environment, be it among these or elsewhere at `paths`."""
    known = {each for document in loaded for each in environments_of(document)}
    if name in known:
        return
    for path in paths():
        try:
            known.update(environments_of(extended(load_source(files.read_text(path), path), files)))
        except (FileProblemError, InvalidInputError):
            # Another spec's faults are of no account here.
            continue
    if name not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "no spec declares any"
        hint = did_you_mean(name, known) or "declare it under `environments:` in a spec, or in what specs extend"
        raise InvalidInputError(f"no spec declares the environment `{name}`", why=there, hint=hint)
