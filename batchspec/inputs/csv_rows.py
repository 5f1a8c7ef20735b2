"""Rows of CSV and TSV files: RFC 4180, read strictly, cells as strings.

What is not a table (ragged rows, unclosed quotes, doubtful headers) is an error with its line, never a guess.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Protocol

from batchspec.core.model import InputRow
from batchspec.core.row_blocks import TableRows
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.row_file import MAX_ROW_CHARACTERS, RowFile
from batchspec.inputs.text_lines import text_lines

_OTHER_DELIMITERS = {";": ";", "\t": r"\t", "|": "|", ",": ","}


class _Records(Protocol):
    """What `csv.reader` returns, whose type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def read_csv(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield the rows below the header, each with the line on which it begins (the header's is mostly 1).

    Blank lines are skipped. Sets the `csv` module's field limit, which is the process's. After an
    error in the header the rows are checked and none is given.
    """
    return chain.from_iterable(read_csv_blocks(file, findings, 1))


def read_csv_blocks(file: RowFile, findings: FileFindings, size: int) -> Iterator[TableRows]:
    """Yield what `read_csv` does, in blocks of `size` rows, the last one shorter."""
    csv.field_size_limit(MAX_ROW_CHARACTERS)
    with file.stream() as stream:
        lines = text_lines(stream, file.encoding, findings)
        table = _Table(file, findings)
        records = csv.reader(lines, delimiter=table.delimiter, strict=True)
        header = table.header(records)
        if header:
            rows = table.rows(records, header)
            if table.is_header_good(header):
                while block := list(islice(rows, size)):
                    cells, begins = zip(*block, strict=True)
                    yield TableRows(file.path, header, cells, begins)
            else:
                for _ in rows:
                    pass


class _Table:
    """A table being read, and its complaints."""

    def __init__(self, file: RowFile, findings: FileFindings) -> None:
        self.file = file
        self.findings = findings
        self.delimiter = file.delimiter or ("\t" if file.format == "tsv" else ",")
        self._header_line = 1
        self._quote_was_sought = False

    def header(self, records: _Records) -> list[str] | None:
        """Return the first record that is not blank."""
        line = 1
        try:
            for names in records:
                if names:
                    self._header_line = line
                    return names
                line = records.line_num + 1
        except csv.Error as error:
            self._report_malformed(error, line, records.line_num)
            return None
        if not self.findings.has_errors:
            self.findings.error(
                "no-header", "the file is empty", line=1, hint="the first line of a table must name its columns"
            )
        return None

    def is_header_good(self, header: Sequence[str]) -> bool:
        """Tell whether every column has a name of its own, reporting those that have not."""
        line = self._header_line
        good = True
        seen: dict[str, int] = {}
        for column, name in enumerate(header, 1):
            if not name.strip():
                good = False
                self.findings.error(
                    "empty-column-name", f"column {column} has no name", line=line, hint="name it, or remove the column"
                )
            elif name in seen:
                good = False
                self.findings.error(
                    "duplicate-column",
                    f"columns {seen[name]} and {column} are both named `{name}`",
                    line=line,
                    hint="rename or remove one of them",
                )
            seen.setdefault(name, column)
        if len(header) == 1:
            self._suspect_delimiter(header[0])
        return good

    def rows(self, records: _Records, header: Sequence[str]) -> Iterator[tuple[list[str], int]]:
        """Yield the records that have as many cells as the header, each with its line."""
        width = len(header)
        line = records.line_num + 1
        while True:
            try:
                for cells in records:
                    if len(cells) == width:
                        yield cells, line
                    elif len(cells) > 1 or (cells and cells[0].strip()):
                        self._report_ragged(line, cells, header)
                    line = records.line_num + 1
                return
            except csv.Error as error:
                # The reader begins afresh on the next line.
                self._report_malformed(error, line, records.line_num)
                line = records.line_num + 1

    def _suspect_delimiter(self, name: str) -> None:
        for other, written in _OTHER_DELIMITERS.items():
            if other != self.delimiter and other in name:
                self.findings.warning(
                    "delimiter",
                    f"the header is a single column, `{name[:60]}`",
                    line=self._header_line,
                    hint=f'if the columns are separated otherwise, say so: `delimiter: "{written}"`',
                )
                return

    def _report_ragged(self, line: int, cells: Sequence[str], header: Sequence[str]) -> None:
        found, expected = len(cells), len(header)
        if found > expected:
            hint = f"put a cell that holds `{self.delimiter}` in double quotes"
        else:
            hint = "add the missing cells; a cell that holds a line break must be in double quotes"
        self.findings.error(
            "ragged-row",
            f"this row has {found} cell{'' if found == 1 else 's'}, the header has {expected}",
            line=line,
            detail=f"its first cell is `{cells[0][:60]}`" if cells[0] else None,
            hint=hint,
        )

    def _report_malformed(self, error: csv.Error, line: int, last_line: int) -> None:
        message = str(error)
        if "end of data" in message or "field limit" in message:
            big = "field limit" in message
            self.findings.error(
                "cell-too-long" if big else "unclosed-quote",
                f"a quoted cell that begins here {'is too long' if big else 'is never closed'}",
                line=self._line_of_open_quote(line, last_line),
                detail=f"it had not ended after {MAX_ROW_CHARACTERS:,} characters" if big else None,
                hint='close it with `"`; a quote within a quoted cell is written twice',
            )
            return
        self.findings.error(
            "malformed-csv",
            "text follows a closing quote",
            line=line,
            detail=f"the row that begins here goes wrong on line {last_line}" if last_line > line else message,
            hint='a quote within a quoted cell is written twice (`""`); look for a quote that is not closed',
        )

    def _line_of_open_quote(self, line: int, last_line: int) -> int:
        """Read the record again to find where its open quote stands, once: only the first is sure to be the cause."""
        if self._quote_was_sought:
            return line
        self._quote_was_sought = True
        opened, inside = line, False
        with self.file.stream() as stream:
            lines = text_lines(stream, self.file.encoding, FileFindings(self.file.path, lambda _: None))
            for number, text in enumerate(islice(lines, line - 1, last_line), line):
                quotes = text.replace('""', "").count('"')
                inside ^= quotes % 2 == 1
                if quotes and inside:
                    opened = number
        return opened
