"""Reads and writes `batchspec.lock`: TOML for people and for git, the same bytes for the same lock."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path

from batchspec.core.diagnostics import Diagnostic, Location, Severity, did_you_mean
from batchspec.core.errors import InvalidInputError
from batchspec.core.model_cards import is_fixed
from batchspec.core.model_lock import LOCK_FILE, ModelLock, Pin
from batchspec.core.ports import ProjectFiles
from batchspec.project.atomic import write_bytes_atomically
from batchspec.project.toml_text import TomlText

_VERSION = 1
_HEAD = """\
# Made by `batchspec lock`; commit it. It says which dated model each alias stands for in this project.
# `batchspec lock --upgrade` moves the pins to what the aliases stand for now.
"""
_KEYS = ("version", "unpinned", "models")
_PIN_KEYS = ("model", "deprecation", "replacement")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)
_ANEW = f"mend the line, or remove {LOCK_FILE} and run `batchspec lock`, which pins to what the aliases stand for now"


def load_lock(files: ProjectFiles) -> ModelLock:
    """Read the project's lock; a project without one pins nothing.

    Raises InvalidInputError with every finding and its place, and FileProblemError where the file cannot be read.
    """
    if not files.glob(LOCK_FILE):
        return ModelLock()
    return read_lock(files.read_text(LOCK_FILE))


def read_lock(text: str) -> ModelLock:
    """Read a lock's text. Raises InvalidInputError with every finding and its place."""
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        raise InvalidInputError(f"{LOCK_FILE} has a conflict of git in it", [_conflict(text, conflict)])
    toml = TomlText(LOCK_FILE, text)
    lock = _Reading(toml).lock()
    if toml.findings:
        raise toml.invalid(_ANEW)
    return lock


def lock_text(lock: ModelLock) -> str:
    """Return a lock as it is written: sorted, and with nothing in it but what the lock says."""
    return "".join(_lines(lock))


def write_lock(root: Path, lock: ModelLock) -> None:
    """Write the project's lock, whole or not at all. Raises BatchspecError where the system refuses it."""
    write_bytes_atomically(root / LOCK_FILE, lock_text(lock).encode("utf-8"), mode=0o644, root=root)


def _lines(lock: ModelLock) -> Iterator[str]:
    yield f"{_HEAD}version = {_VERSION}\n"
    if lock.unpinned:
        # One to a line, so that two branches which each add one can be merged.
        yield "unpinned = [\n" + "".join(f"  {_quoted(name)},\n" for name in sorted(lock.unpinned)) + "]\n"
    for alias in sorted(lock.pins):
        pin = lock.pins[alias]
        yield f"\n[models.{_quoted(alias)}]\nmodel = {_quoted(pin.model)}\n"
        if pin.deprecation is not None:
            yield f"deprecation = {_quoted(pin.deprecation)}\n"
        if pin.replacement is not None:
            yield f"replacement = {_quoted(pin.replacement)}\n"


def _quoted(text: str) -> str:
    """Return a TOML string. JSON's escapes are TOML's too, but for what JSON leaves as it is and TOML does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _conflict(text: str, found: re.Match[str]) -> Diagnostic:
    line = text.count("\n", 0, found.start()) + 1
    source = found[0].rstrip("\r")
    return Diagnostic(
        severity=Severity.ERROR,
        code="merge-conflict",
        location=Location.at(LOCK_FILE, line, 1, len(source)),
        summary="a merge has left its mark here",
        detail="two branches say different things of what an alias stands for, and requests are known by it",
        hint="keep one side of each conflict, remove the marks, and run `batchspec lock --check`",
        source_line=source,
    )


class _Reading:
    """One reading of the file; what is wrong goes to the text's findings."""

    def __init__(self, toml: TomlText) -> None:
        self._toml = toml
        self._add = toml.add

    def lock(self) -> ModelLock:
        document = self._toml.document
        version = document.get("version")
        if version != _VERSION or isinstance(version, bool):
            newer = isinstance(version, int) and version > _VERSION
            hint = "it was made by a later batchspec: use that" if newer else f"write `version = {_VERSION}`"
            self._add(("version",), "lock-version", f"`version` must be {_VERSION}", hint=hint)
            return ModelLock()
        for key in document:
            if key not in _KEYS:
                self._add((key,), "unknown-key", f"unknown key `{key}`", hint=did_you_mean(key, _KEYS))
        models = document.get("models", {})
        if not isinstance(models, dict):
            self._add(("models",), "wrong-type", "`models` must be a table", hint='write `[models."ALIAS"]`')
            models = {}
        pins = {alias: pin for alias, value in models.items() if (pin := self._pin(alias, value)) is not None}
        return ModelLock(pins=pins, unpinned=self._unpinned(document.get("unpinned", []), set(pins)))

    def _unpinned(self, value: object, pinned: set[str]) -> frozenset[str]:
        names = value if isinstance(value, list) else [None]
        if not all(isinstance(name, str) and name for name in names):
            hint = 'write `unpinned = ["my-model"]`'
            self._add(("unpinned",), "wrong-type", "`unpinned` must be a list of names", hint=hint)
            return frozenset()
        for name in sorted(pinned & set(names)):
            self._add(("unpinned",), "lock-pin", f"`{name}` is pinned too", hint="remove one of them")
        return frozenset(names)

    def _pin(self, alias: str, value: object) -> Pin | None:
        path = ("models", alias)
        if not isinstance(value, dict):
            hint = f'write `[models."{alias}"]`, and below it `model = "…"`'
            self._add(path, "wrong-type", f"`{alias}` must be a table", hint=hint)
            return None
        for key in value:
            if key not in _PIN_KEYS:
                self._add((*path, key), "unknown-key", f"unknown key `{key}`", hint=did_you_mean(key, _PIN_KEYS))
        for key in _PIN_KEYS:
            if key in value and not (isinstance(value[key], str) and value[key].strip()):
                self._add((*path, key), "wrong-type", f"`{key}` must be text in quotes", hint=_ANEW)
                return None
        model, deprecation = value.get("model"), value.get("deprecation")
        if model is None:
            self._add(path, "missing-key", f"`model` is missing: what does `{alias}` stand for?", hint=_ANEW)
            return None
        if is_fixed(alias):
            detail = "a name with a date, a fine-tuned model and an agent stand for themselves"
            self._add(path, "lock-pin", f"`{alias}` is no alias", detail=detail, hint="remove this table")
        elif not is_fixed(model):
            detail = "it could come to stand for another one"
            self._add((*path, "model"), "lock-pin", f"`{model}` is no dated model", detail=detail, hint=_ANEW)
        elif model.startswith("agent:"):
            self._add((*path, "model"), "lock-pin", f"`{model}` is an agent, and no model", hint=_ANEW)
        if deprecation is not None and not _is_day(deprecation):
            hint = 'write it as "2026-11-30"'
            self._add((*path, "deprecation"), "wrong-type", "`deprecation` must be a day in quotes", hint=hint)
        return Pin(model, deprecation, value.get("replacement"))


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
