"""Lays a spec over the files that it extends, and an environment over the spec, before the schema judges the whole.

Every value keeps the place where it is written, so that findings point there and relative paths are relative to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from batchspec.core.canonical import Pointer
from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.ports import ProjectFiles
from batchspec.core.source import MAX_BYTES, MAX_VALUES, MergeRules, SourceDocument, load_source, merged, narrowed

MAX_DEPTH = 16
"""Files that extend one another in a row, after the spec itself."""

MAX_FILES = 100
"""Files that a spec extends, together with what these extend; one that is named twice counts twice."""

_EXTENDS = "extends"
_ENVIRONMENTS = "environments"
_MODELS = frozenset({"model", "models", "agent_id"})
_SOURCES = frozenset({"path", "files", "sql", "spec"})
_LONG_FORMS: dict[Pointer, str] = {("inputs",): "path", ("output",): "path", ("prompt",): "user"}
_NAMES: frozenset[Pointer] = frozenset(
    {("vars",), ("matrix",), ("metadata",), ("inputs", "columns"), ("output", "columns"), (_ENVIRONMENTS,)}
)
_OF_A_SOURCE = _SOURCES | {"as", "format", "encoding", "delimiter"}


def extended(document: SourceDocument, files: ProjectFiles) -> SourceDocument:
    """Return a spec's document over those that it extends, the later over the earlier and the spec over all.

    Raises InvalidInputError: a file cannot be read or is no mapping, extends itself, or there are too many.
    """
    extending = _Extending(files, document)
    whole = extending.whole()
    if extending.findings:
        raise InvalidInputError(f"{document.path} extends what cannot be used", tuple(extending.findings))
    return whole


def in_environment(document: SourceDocument, name: str) -> SourceDocument:
    """Return a document with one of its environments over it; itself where it has none of that name."""
    if name not in environments_of(document):
        return document
    whole = merged(document, narrowed(document, (_ENVIRONMENTS, name)), _RULES)
    # What is wrong with the spec as a whole is told at its own beginning.
    root = replace(whole.root, span=document.root.span, home=document.root.home)
    return replace(document, root=root)


def environments_of(document: SourceDocument) -> tuple[str, ...]:
    """Return the names of the environments that a document has."""
    value = document.value
    declared = value.get(_ENVIRONMENTS) if isinstance(value, dict) else None
    return tuple(declared) if isinstance(declared, dict) else ()


class _TooMuchError(Exception):
    """More keys are to be merged than may be."""


class _Extending:
    def __init__(self, files: ProjectFiles, spec: SourceDocument) -> None:
        self._files = files
        self._spec = spec
        self._bytes = sum(len(line) + 1 for line in spec.lines)
        self._seen: set[str] = set()
        self._below: list[SourceDocument] = []
        self._named_so_far = 0
        self._left = MAX_VALUES
        self.findings: list[Diagnostic] = []

    def whole(self) -> SourceDocument:
        """Return the spec over what it extends.

        Each file counts once: above what it extends itself, and below those that are named after it. So a base that
        two files share takes nothing back of what the first of them says.
        """
        self._follow(self._spec, (self._spec.path,))
        whole: SourceDocument | None = None
        for document in (*self._below, self._spec):
            whole = document if whole is None else self._merged(whole, document)
        return whole or self._spec

    def _follow(self, document: SourceDocument, way: tuple[str, ...]) -> None:
        """Take in the files that a document extends, each after those that it extends itself; `way` leads to it."""
        for pointer, path in self._named(document):
            self._take(document, pointer, path, way)

    def _merged(self, below: SourceDocument, above: SourceDocument) -> SourceDocument:
        if self._left < 0:
            return above
        try:
            whole = merged(below, above, _RULES._replace(spend=self._spend))
        except _TooMuchError:
            whole = None
        if whole is None or whole.root.size > MAX_VALUES:
            self._left = -1
            self._find(
                self._spec,
                (_EXTENDS,),
                "too-large",
                f"together the files that are extended here come to more than {MAX_VALUES:,} keys and values",
                "a spec is held in memory whole, and what is merged counts once more each time",
                "put rows into an input file (`inputs: rows.yaml`), which is streamed",
            )
            return above
        return whole

    def _spend(self, keys: int) -> None:
        # What is large is walked through again for every file that is laid over it.
        self._left -= keys
        if self._left < 0:
            raise _TooMuchError

    def _named(self, document: SourceDocument) -> Iterator[tuple[Pointer, str]]:
        """Yield the files that a document extends, relative to the root, each with its place."""
        value = document.value
        written = value.get(_EXTENDS) if isinstance(value, dict) else None
        listed = written if isinstance(written, list) else [] if written is None else [written]
        for index, each in enumerate(listed):
            pointer: Pointer = (_EXTENDS, index) if isinstance(written, list) else (_EXTENDS,)
            if not isinstance(each, str) or not each:
                # Of the spec itself, the schema says so.
                if document is not self._spec:
                    hint = "write `extends: base.yaml`, or a list of such paths"
                    self._find(document, pointer, "wrong-type", "`extends` takes paths of YAML files", None, hint)
                continue
            try:
                yield pointer, self._files.join(document.path, each)
            except FileProblemError as error:
                self._find(document, pointer, "file", error.summary, error.why, error.hint)

    def _take(self, document: SourceDocument, pointer: Pointer, path: str, way: tuple[str, ...]) -> None:
        if path in way:
            circle = " -> ".join((*way[way.index(path) :], path))
            hint = "let one of them extend nothing, or move what both need into a file of its own"
            self._find(document, pointer, "extends-cycle", f"`{path}` extends itself: {circle}", None, hint)
        elif self._may_read(document, pointer, way) and path not in self._seen:
            # Remembered before what it extends is read, so that a file which is wrong is told once.
            self._seen.add(path)
            base = self._read(document, pointer, path)
            if base is not None:
                self._follow(base, (*way, path))
                self._below.append(narrowed(base, without=_stays_behind))

    def _may_read(self, document: SourceDocument, pointer: Pointer, way: tuple[str, ...]) -> bool:
        if len(way) > MAX_DEPTH:
            summary = f"more than {MAX_DEPTH} files extend one another"
            chain = " -> ".join(way)
            self._find(document, pointer, "extends-depth", summary, chain, "merge some of them into one file")
            return False
        self._named_so_far += 1
        if self._named_so_far == MAX_FILES + 1:
            summary = f"`{self._spec.path}` extends more than {MAX_FILES} files"
            why = "each time that one is named counts"
            self._find(document, pointer, "extends-files", summary, why, "merge some of them into one file")
        # What is too much was told once; nothing more is read then.
        return self._named_so_far <= MAX_FILES and self._bytes <= MAX_BYTES

    def _read(self, document: SourceDocument, pointer: Pointer, path: str) -> SourceDocument | None:
        try:
            text = self._files.read_text(path)
            self._bytes += len(text)
            if self._bytes > MAX_BYTES:
                summary = f"together the files of this spec are larger than {MAX_BYTES // 1_000_000} MB"
                hint = "put rows into an input file (`inputs: rows.yaml`), which is streamed"
                self._find(document, pointer, "too-large", summary, "a spec is read whole", hint)
                return None
            base = load_source(text, path)
        except FileProblemError as error:
            self._find(document, pointer, "file", error.summary, error.why, error.hint)
            return None
        except InvalidInputError as error:
            self.findings.extend(error.diagnostics)
            return None
        if not isinstance(base.value, dict):
            hint = "write keys of a spec into it, such as `model: mistral-small-latest`"
            self._find(
                document,
                pointer,
                "extends",
                f"`{path}` holds no mapping, which is all that can be extended",
                None,
                hint,
            )
            return None
        if base.value.get("batchspec", 1) != 1:
            hint = "write `batchspec: 1`, or leave it away"
            self._find(base, ("batchspec",), "not-allowed-value", "this is version 1 of the language", None, hint)
        return base

    def _find(
        self, document: SourceDocument, pointer: Pointer, code: str, summary: str, detail: str | None, hint: str | None
    ) -> None:
        self.findings.append(document.diagnostic(pointer, code, summary, detail, hint))


def _stays_behind(key: str) -> bool:
    """Tell whether a key is a file's own, and not inherited."""
    return key in {"batchspec", "name", _EXTENDS} or key.startswith("x-")


def _displaced(pointer: Pointer, below: Collection[str], above: Collection[str]) -> Collection[str]:
    """Return the keys that cannot stand beside what is said above: another model, another source of rows."""
    scope = _scope(pointer)
    if scope == () and not _MODELS.isdisjoint(above):
        return _MODELS
    if (
        scope == ("inputs",)
        and not _SOURCES.isdisjoint(above)
        and _SOURCES.isdisjoint(_SOURCES & set(below) & set(above))
    ):
        return _OF_A_SOURCE
    return ()


def _long_form(pointer: Pointer) -> str | None:
    return _LONG_FORMS.get(_scope(pointer))


def _names(pointer: Pointer) -> bool:
    return _scope(pointer) in _NAMES


def _scope(pointer: Pointer) -> Pointer:
    """Return a place within a spec; an environment is a spec's keys once more."""
    return pointer[2:] if pointer[:1] == (_ENVIRONMENTS,) and len(pointer) > 1 else pointer


_RULES = MergeRules(_displaced, _long_form, _names)
