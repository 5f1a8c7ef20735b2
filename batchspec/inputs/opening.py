"""Opens the inputs of a spec: which files they are, of which format, and who reads them.

Everything that can be known without reading is checked here, at the place where the spec says it.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar, cast

from batchspec.core.diagnostics import DiagnosticSink, did_you_mean, nearest
from batchspec.core.errors import FileProblemError
from batchspec.core.model import FileList, InlineRows, InputFiles, InputRow, Inputs, SpecResults, SqlQuery
from batchspec.core.offered import NO_PLUGINS, Maker, OfferedReader, Offers, PluginError
from batchspec.core.ports import ProjectFiles, RowSource
from batchspec.core.row_blocks import RowBlock, listed
from batchspec.inputs.extras import DUCKDB, PARQUET, ZSTD, load_extra
from batchspec.inputs.file_list import ListedFiles
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.matching import SpecFindings, matching_paths
from batchspec.inputs.offered_rows import AddressRows, read_offered
from batchspec.inputs.packing import packing
from batchspec.inputs.remote import Stores
from batchspec.inputs.row_file import Opener, RowFile

FORMATS = ("csv", "tsv", "jsonl", "ndjson", "json", "yaml", "yml", "txt", "parquet")
"""The formats that are read, each but the last also packed as `.gz` or `.zst`."""

NOWHERE = Stores()
_WITH_ENCODING = frozenset({"csv", "tsv", "txt"})
_WITH_DELIMITER = frozenset({"csv", "tsv"})

_Part = TypeVar("_Part")
Reader = Callable[[RowFile, FileFindings], Iterator[InputRow]]

# By name, so that a run imports only what its formats need.
_READERS = {
    "csv": ("csv_rows", "read_csv"),
    "tsv": ("csv_rows", "read_csv"),
    "jsonl": ("jsonl_rows", "read_jsonl"),
    "ndjson": ("jsonl_rows", "read_jsonl"),
    "json": ("json_rows", "read_json"),
    "yaml": ("yaml_rows", "read_yaml"),
    "yml": ("yaml_rows", "read_yaml"),
    "txt": ("text_rows", "read_text"),
    "parquet": ("parquet_rows", "read_parquet"),
}


def open_rows(
    inputs: Inputs,
    files: ProjectFiles,
    root: Path | None = None,
    stores: Stores = NOWHERE,
    offers: Offers = NO_PLUGINS,
) -> RowSource:
    """Return the source of a spec's rows. A glob's files are those of now, in name order.

    A query needs to know where the project's `root` really is. What is not built in is looked for among the `offers`.
    Raises InvalidInputError, located where the spec names
    the inputs, for a pattern that matches nothing or leaves the root, for a format that is not read, for options that
    do not fit it, and for a library that is not installed.
    """
    if isinstance(inputs, InlineRows):
        return SpecRows(inputs.rows)
    findings = SpecFindings(inputs.place)
    if isinstance(inputs, FileList):
        listed = tuple(matching_paths(inputs.pattern, files, findings))
        findings.raise_if_any()
        return ListedFiles(files=files, paths=listed, spec=inputs.spec)
    if isinstance(inputs, SpecResults):
        return SpecRows(())
    if isinstance(inputs, SqlQuery):
        return _query_rows(inputs, files, root, findings)
    address = _offered_address(inputs, stores, offers, findings) if inputs.remote else None
    if address is not None:
        return address
    opening = _Opening(inputs, findings, offers)
    found = tuple(opening.remote_files(stores) if inputs.remote else opening.row_files(files))
    findings.raise_if_any()
    return FileRows(found)


def _offered_address(inputs: InputFiles, stores: Stores, offers: Offers, findings: SpecFindings) -> AddressRows | None:
    """Return the rows behind an address that a plugin reads; None for one that is built in, or that nobody reads."""
    scheme = inputs.pattern.partition("://")[0]
    if scheme in stores.libraries:
        return None
    try:
        store = offers.store(scheme)
        if store is not None:
            stores.permit(inputs.pattern)
            return AddressRows(store=store, address=inputs.pattern)
    except (FileProblemError, PluginError) as error:
        findings.problem(error)
    findings.raise_if_any()
    return None


def _query_rows(inputs: SqlQuery, files: ProjectFiles, root: Path | None, findings: SpecFindings) -> RowSource:
    try:
        load_extra(DUCKDB, "a query")
    except FileProblemError as error:
        findings.problem(error)
    findings.raise_if_any()
    assert root is not None, "only who knows the root may run queries"
    module = import_module("batchspec.inputs.sql_rows")
    source = module.query_rows(inputs, files, root.resolve(), findings)
    findings.raise_if_any()
    return cast(RowSource, source)


@dataclass(frozen=True, slots=True)
class SpecRows:
    """Rows that the spec holds itself."""

    held: tuple[InputRow, ...]

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:  # noqa: ARG002 - the port's; nothing can be wrong
        """Yield them."""
        yield from self.held


@dataclass(frozen=True, slots=True)
class FileRows:
    """The rows of some files, one file after another."""

    files: tuple[RowFile, ...]

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield every row with its own file and line; a file that cannot be read on is reported and left."""
        return self._each(sink, lambda file, findings: _reader(file)(file, findings))

    @property
    def makers(self) -> tuple[Maker, ...]:
        """The plugins that read these files. Fills `core.offered.MadeByPlugins`."""
        return tuple(dict.fromkeys(file.reader.maker for file in self.files if file.reader is not None))

    def blocks(self, size: int, sink: DiagnosticSink) -> Iterator[RowBlock]:
        """Yield what `rows` does, in blocks; only tables are faster for it."""

        def read(file: RowFile, findings: FileFindings) -> Iterator[RowBlock]:
            if file.format in _WITH_DELIMITER:
                # Few runs read no table, and none else needs what that takes.
                from batchspec.inputs.csv_rows import read_csv_blocks  # noqa: PLC0415

                return read_csv_blocks(file, findings, size)
            return listed(_reader(file)(file, findings), size)

        return self._each(sink, read)

    def _each(self, sink: DiagnosticSink, read: Callable[[RowFile, FileFindings], Iterator[_Part]]) -> Iterator[_Part]:
        for file in self.files:
            findings = FileFindings(file.path, sink)
            try:
                yield from read(file, findings)
            except FileProblemError as error:
                findings.error(error.code, error.summary, detail=error.why, hint=error.hint)
            except UnicodeError as error:
                findings.error(
                    "encoding", f"not {file.encoding} text", detail=str(error), hint="save the file as UTF-8"
                )
            except OSError as error:
                findings.error(
                    "unreadable", "the file could not be read to its end", detail=error.strerror, hint="check the disk"
                )
            findings.close()


def _reader(file: RowFile) -> Reader:
    if file.reader is not None:
        return read_offered
    module, function = _READERS[file.format]
    return cast(Reader, getattr(import_module(f"batchspec.inputs.{module}"), function))


class _Opening:
    """What one spec says about its input files, and what is wrong with it."""

    def __init__(self, inputs: InputFiles, findings: SpecFindings, offers: Offers) -> None:
        self.inputs = inputs
        self._findings = findings
        self._offers = offers
        self._readers: dict[str, OfferedReader | None] = {}
        self._broken: set[str] = set()
        self._add = findings.error

    def remote_files(self, stores: Stores) -> Iterator[RowFile]:
        """Yield the one object of an address, which is not opened yet."""
        address = self.inputs.pattern
        try:
            stores.check(address)
        except FileProblemError as error:
            self._findings.problem(error)
        else:
            yield from self._readable([address], stores)

    def row_files(self, files: ProjectFiles) -> Iterator[RowFile]:
        """Yield the files that the pattern matches, as far as they can be read."""
        return self._readable(matching_paths(self.inputs.pattern, files, self._findings), files)

    def _readable(self, paths: Iterable[str], files: Opener) -> Iterator[RowFile]:
        for path in paths:
            format_name = self._format(path)
            if format_name is not None and self._options_fit(format_name):
                yield RowFile(
                    files=files,
                    path=path,
                    format=format_name,
                    encoding=self.inputs.encoding,
                    delimiter=self.inputs.delimiter,
                    reader=self._readers.get(format_name),
                )

    def _format(self, path: str) -> str | None:
        """Return the format of a file, by the spec's word or by its suffix."""
        packed = packing(path)
        name = path.rsplit("/", 1)[-1].lower().removesuffix(packed or "")
        given = self.inputs.format
        suffix = name.rsplit(".", 1)[1] if "." in name else ""
        format_name = suffix if given is None else given.lower().removeprefix(".")
        format_name = format_name.removesuffix(packing(format_name) or "")
        if format_name in FORMATS or self._is_offered(format_name):
            return format_name if self._can_be_read(path, format_name, packed) else None
        if format_name in self._broken:
            return None
        if not format_name:
            self._add(
                "unknown-format", f"`{path}` has no suffix to tell its format", hint="say it, for example `format: csv`"
            )
        else:
            self._add(
                "unknown-format",
                f"there is no format `{given}`" if given else f"`{path}`: no rows can be read from .{format_name}",
                detail=f"formats are {', '.join(FORMATS)}; all but parquet also as .gz and .zst;"
                f" {self._offers.told('inputs')}",
                hint=self._way_to(format_name),
                place=self.inputs.format_place,
            )
        return None

    def _way_to(self, format_name: str) -> str:
        known = [*FORMATS, *self._offers.names("inputs")]
        hint = str(did_you_mean(format_name, known))
        close = nearest(format_name, known) is not None
        return hint if close else f"{hint}; or `pip install` a plugin for .{format_name}"

    def _is_offered(self, format_name: str) -> bool:
        """Tell whether a plugin reads a format; one that should, and cannot be used, is reported."""
        if format_name not in self._readers:
            self._readers[format_name] = None
            try:
                self._readers[format_name] = self._offers.reader(format_name)
            except PluginError as error:
                self._broken.add(format_name)
                self._findings.problem(error)
        return self._readers[format_name] is not None

    def _can_be_read(self, path: str, format_name: str, packed: str | None) -> bool:
        """Tell whether what the format and the packing need is there."""
        if packed is not None and format_name == "parquet":
            hint = f"unpack it: `{path.removesuffix(packed)}`"
            self._add("option", f"`{path}`: a Parquet file is packed within, and not around", hint=hint)
            return False
        try:
            if packed == ".zst":
                load_extra(ZSTD, "a .zst file")
            if format_name == "parquet":
                load_extra(PARQUET, "a .parquet file")
        except FileProblemError as error:
            self._findings.problem(error)
            return False
        return True

    def _options_fit(self, format_name: str) -> bool:
        return self._encoding_fits(format_name) and self._delimiter_fits(format_name)

    def _encoding_fits(self, format_name: str) -> bool:
        encoding = self.inputs.encoding
        try:
            # Codecs that are none of text (base64), or cannot go on after an error (idna), refuse this.
            name = codecs.lookup(encoding).name
            b"a".decode(encoding, "replace")
            codecs.getincrementaldecoder(encoding)
        except (LookupError, ValueError):
            self._add("unknown-encoding", f"there is no encoding `{encoding}`", hint="try utf-8, cp1252 or utf-16")
            return False
        if format_name in _WITH_ENCODING or name in {"utf-8", "utf-8-sig"}:
            return True
        if self._readers.get(format_name) is not None:
            hint = "remove `encoding`"
            self._add("option", f".{format_name} is read by a plugin, which knows the encoding itself", hint=hint)
            return False
        self._add("option", f".{format_name} files are UTF-8", hint="remove `encoding` and save the file as UTF-8")
        return False

    def _delimiter_fits(self, format_name: str) -> bool:
        delimiter = self.inputs.delimiter
        if delimiter is None:
            return True
        if format_name not in _WITH_DELIMITER:
            self._add("option", f".{format_name} files have no delimiter", hint="remove `delimiter`")
            return False
        if len(delimiter) == 1 and delimiter not in '"\r\n\0':
            return True
        self._add(
            "delimiter",
            "a delimiter is one character, and no quote or line break",
            hint='write it in double quotes, such as `";"`, and a tab as `"\\t"`',
        )
        return False
