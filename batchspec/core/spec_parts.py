"""What the requests of a spec are made of beside the rows: digests by part, kept at each apply, compared at the next.

So much is kept for a spec and not for a row: it says that a prompt has changed, and where nothing has, that a row has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchspec.core.json_text import encode
from batchspec.core.origin import TemplateText
from batchspec.core.spec import Spec

_COMMIT = "commit"
_PROGRAM = "batchspec"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPart:
    """A part that is not what it was: its kind and its name; `before` and `now` are its digests, None where it was not.

    Kinds are `file`, `include`, `variable`, `body` (a key of it), `matrix` (a name in it), `inputs`, `custom_id`,
    `endpoint` and `batchspec`.
    """

    kind: str
    name: str
    before: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedParts:
    """The parts that have changed since a spec was last applied, at the commit `commit` if that is known."""

    parts: tuple[ChangedPart, ...]
    commit: str | None = None

    @property
    def of_body(self) -> tuple[ChangedPart, ...]:
        """Those that a body can have changed by; what a file that the spec names holds is in the body itself."""
        return tuple(each for each in self.parts if each.kind not in {"file", "custom_id", "endpoint"})


def parts_of(spec: Spec, named: Mapping[str, str], included: Mapping[str, str], version: str) -> dict[str, str]:
    """Return the parts of a spec: its variables, the keys of its body, the values of its matrix, and files by SHA-256.

    `named` files stand in the spec, so that their content is in the resolved body; `included` ones stand in templates.
    `version` is the program's.
    """
    parts = {f"file {path}": digest for path, digest in named.items() if path not in included}
    parts |= {f"include {path}": digest for path, digest in included.items()}
    parts |= {f"variable {name}": _digest(value) for name, value in spec.variables.items()}
    body = spec.body if isinstance(spec.body, dict) else {}
    parts |= {f"body {key}": _digest(value) for key, value in body.items()}
    for name in spec.combinations[0].values:
        parts[f"matrix {name}"] = _digest([[each.shown[name], each.values[name]] for each in spec.combinations])
    parts["inputs inputs"] = _digest(_reading(spec))
    parts["custom_id custom_id"] = _digest(spec.custom_id)
    parts["endpoint endpoint"] = spec.endpoint
    parts[f"{_PROGRAM} {_PROGRAM}"] = version
    return parts


def with_commit(parts: Mapping[str, str], commit: str | None) -> dict[str, str]:
    """Return parts with the commit that holds them all, if there is one."""
    return dict(parts) if commit is None else {**parts, _COMMIT: commit}


def same_parts(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Tell whether parts are the same, whatever the commits that hold them."""
    return {**before, _COMMIT: ""} == {**now, _COMMIT: ""}


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> ChangedParts | None:
    """Return what has changed; None where nothing was kept of what was."""
    if not before:
        return None
    return ChangedParts(parts=tuple(_changes(before, now)), commit=before.get(_COMMIT))


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[ChangedPart]:
    for part in sorted({*before, *now} - {_COMMIT}):
        was, is_now = before.get(part), now.get(part)
        if was != is_now:
            kind, _, name = part.partition(" ")
            yield ChangedPart(kind=kind, name=name, before=was, now=is_now)


def _reading(spec: Spec) -> object:
    """Return how the spec says its inputs are read; rows that stand in it are rows."""
    written = spec.document.value_at(("inputs",)) if spec.document.has(("inputs",)) else None
    return None if isinstance(written, list) else written


def _digest(value: object) -> str:
    return hashlib.sha256(encode(_plain(value))).hexdigest()[:32]


def _plain(value: object) -> object:
    """Return a JSON-like value in which templates are told apart from text."""
    if isinstance(value, TemplateText):
        return {"template": value.text}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
