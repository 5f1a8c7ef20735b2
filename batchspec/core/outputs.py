"""Reads a spec's `output`: the path, the format that its suffix says, and the columns with their templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from batchspec.core.canonical import Pointer
from batchspec.core.diagnostics import nearest
from batchspec.core.errors import FileProblemError
from batchspec.core.offered import Offers, PluginError
from batchspec.core.ports import ProjectFiles
from batchspec.core.prompting import SpecReader
from batchspec.core.records import OutputFormat, suffix_of

KEPT = ("custom_id", "model", "status", "error")
"""What every row has beside the columns that a spec declares."""

MANIFEST_SUFFIX = ".manifest.json"
_TAKEN = (*KEPT, "matrix", "replicate")
_PRIVATE = frozenset({".git", ".batchspec"})


class DeclaredOutput(NamedTuple):
    """Where results go, relative to the project's root, and the columns' templates; without any, all is written."""

    path: str
    columns: Mapping[str, object]


def declared_output(
    written: object, default_path: str, beside: str, files: ProjectFiles, reader: SpecReader, offers: Offers
) -> DeclaredOutput:
    """Read a spec's `output`, reporting what is wrong with it. `beside` is the spec's own path."""
    options: Mapping[str, object] = written if isinstance(written, dict) else {"path": written}
    place: Pointer = ("output", "path") if isinstance(written, dict) else ("output",)
    named = options.get("path")
    path = _path(default_path if named is None else str(named), place, beside, files, reader, offers)
    declared = options.get("columns")
    columns: dict[str, object] = {}
    for name, template in (declared if isinstance(declared, dict) else {}).items():
        pointer: Pointer = ("output", "columns", name)
        _check_name(name, columns, pointer, reader)
        columns[name] = reader.resolve(template, pointer, pointer)
    return DeclaredOutput(path, columns)


def _path(wanted: str, place: Pointer, beside: str, files: ProjectFiles, reader: SpecReader, offers: Offers) -> str:
    if OutputFormat.of(wanted) is None and not _is_offered(wanted, place, reader, offers):
        return wanted
    try:
        joined = files.join(beside, wanted)
    except FileProblemError as error:
        reader.report(place, "file", error.summary, detail=error.why, hint=error.hint)
        return wanted
    if _PRIVATE & set(joined.split("/")):
        hint = "name a folder of your own, such as `results/`"
        reader.report(place, "file", f"`{wanted}` lies in a folder that is not yours to write", hint=hint)
    return joined


def _is_offered(wanted: str, place: Pointer, reader: SpecReader, offers: Offers) -> bool:
    """Tell whether a plugin writes what a path's suffix says; where none does, or it cannot be used, report it."""
    stem, _, suffix = wanted.rpartition(".")
    try:
        if stem and offers.writer_maker(suffix_of(wanted)) is not None:
            return True
    except PluginError as error:
        reader.report(place, error.code, error.summary, detail=error.why, hint=error.hint)
        return False
    close = nearest(suffix, [*OutputFormat, *offers.names("outputs")]) if stem else None
    reader.report(
        place,
        "output-format",
        f"`{wanted}` is not a .jsonl, .csv or .parquet path",
        detail=f"the suffix says how the rows are written; {offers.told('outputs')}",
        hint=f"use `{stem or wanted}.{close or OutputFormat.JSONL}`, or `pip install` a plugin for the suffix",
    )
    return False


def _check_name(name: str, before: Mapping[str, object], pointer: Pointer, reader: SpecReader) -> None:
    # DuckDB and others do not tell `Status` from `status`.
    folded = name.casefold()
    if folded in _TAKEN:
        reader.report(
            pointer,
            "column-name",
            f"`{name}` is no name for a column",
            detail=f"every row has {', '.join(f'`{kept}`' for kept in KEPT)} already; others are reserved",
            hint="choose another name, or leave the column away where it is the row's own",
            on_key=True,
        )
    earlier = next((other for other in before if other.casefold() == folded), None)
    if earlier is not None:
        reader.report(
            pointer,
            "column-name",
            f"the columns `{earlier}` and `{name}` differ in their case alone",
            detail="many readers do not tell them apart",
            hint="choose another name",
            on_key=True,
        )


def manifest_path(output_path: str) -> str:
    """Return where the manifest of an output lies: beside it, under its name without the suffix."""
    if OutputFormat.of(output_path) is None:
        return output_path.rpartition(".")[0] + MANIFEST_SUFFIX
    stem = output_path
    for form in OutputFormat:
        stem = stem.removesuffix(f".{form}")
    return stem + MANIFEST_SUFFIX
