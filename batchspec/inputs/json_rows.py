"""Rows of a JSON file that is one list of objects, read an element at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from batchspec.core.model import InputRow
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.json_row import RowError, parse_row
from batchspec.inputs.row_file import BLOCK_BYTES, MAX_ROW_CHARACTERS, RowFile

_BOUNDARY = json.JSONDecoder()
_GAP = re.compile(r"[ \t\r\n]*")

# An escape is at most 12 characters (a pair of surrogates) and `-Infinity` 9: an error nearer to the end of what has
# been read may be no error once more is read.
_CUT_TOKEN = 16


def read_json(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield each object of the list with the line on which it begins.

    An element that is no row is an error and the next is read; after a fault of syntax nothing more is.
    """
    with file.stream() as stream:
        window = _Window(stream)
        try:
            for line, element in _elements(window):
                try:
                    yield InputRow(parse_row(element), file.path, line)
                except RowError as error:
                    findings.error(error.code, error.summary, line=line, hint=error.hint)
        except _JsonSyntaxError as fault:
            line, column = window.place(fault.at)
            findings.error("json-syntax", fault.summary, line=line, column=column, hint=fault.hint)


class _JsonSyntaxError(Exception):
    """The text is not a list of JSON values. `at` is an index into the window's text."""

    def __init__(self, summary: str, at: int, hint: str = "mend the JSON") -> None:
        super().__init__(summary)
        self.summary = summary
        self.at = at
        self.hint = hint


class _Window:
    """The part of the text that is at hand, and a cursor in it whose line and column are known."""

    def __init__(self, stream: BinaryIO) -> None:
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False
        self._column = 1
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")

    def move(self, to: int) -> None:
        """Put the cursor at a later index."""
        self.line, self._column = self.place(to)
        self.at = to

    def place(self, index: int) -> tuple[int, int]:
        """Return the line and column of an index at or after the cursor."""
        breaks = self.text.count("\n", self.at, index)
        if breaks:
            return self.line + breaks, index - self.text.rfind("\n", self.at, index)
        return self.line, self._column + index - self.at

    def read_more(self) -> None:
        """Forget what is before the cursor and read as much again as is left, at least a block.

        So a long element is parsed from its beginning only a few times. Raises _JsonSyntaxError for what is not UTF-8.
        """
        self.text = self.text[self.at :]
        self.at = 0
        data = self._stream.read(max(BLOCK_BYTES, len(self.text)))
        self.ended = not data
        try:
            self.text += self._decoder.decode(data, final=self.ended)
        except UnicodeDecodeError as error:
            self.text += error.object[: error.start].decode("utf-8", "replace")
            raise _JsonSyntaxError(
                f"not UTF-8 text: byte 0x{error.object[error.start]:02x}", len(self.text), "save the file as UTF-8"
            ) from None

    def peek(self) -> str:
        """Move over white space and return the character there, or nothing at the end of the text."""
        while True:
            found = _GAP.match(self.text, self.at)
            if found and found.end() > self.at:
                self.move(found.end())
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.read_more()


def _elements(window: _Window) -> Iterator[tuple[int, bytes]]:
    """Yield the line and the text of every element. Raises _JsonSyntaxError."""
    _enter_list(window)
    following = "" if window.peek() == "]" else ","
    while following == ",":
        if window.peek() == "]":
            raise _JsonSyntaxError("a comma stands before the end of the list", window.at, "remove the comma")
        line = window.line
        yield line, _element(window)
        following = window.peek()
        if following == ",":
            window.move(window.at + 1)
    if window.peek() != "]":
        what = "the list goes on without a comma" if window.peek() else "the list is never closed"
        raise _JsonSyntaxError(what, window.at, "put a comma between rows and `]` after the last")
    window.move(window.at + 1)
    if window.peek():
        raise _JsonSyntaxError("text follows the end of the list", window.at, "remove it, or put the rows in one list")


def _enter_list(window: _Window) -> None:
    first = window.peek()
    if first == "[":
        window.move(window.at + 1)
        return
    if first == "{":
        raise _JsonSyntaxError(
            "the file is an object, and a list of rows is wanted",
            window.at,
            "wrap it in a list, `[{…}]`; if every line is an object, name the file `.jsonl` or say `format: jsonl`",
        )
    what = "the file is not a list of rows" if first else "the file is empty"
    raise _JsonSyntaxError(what, window.at, "write a list of objects, `[{…}, {…}]`; a list without rows is `[]`")


def _element(window: _Window) -> bytes:
    """Return the text of the element at the cursor and move past it."""
    while True:
        try:
            _, end = _BOUNDARY.raw_decode(window.text, window.at)
        except json.JSONDecodeError as error:
            near_end = error.pos > len(window.text) - _CUT_TOKEN or error.msg.startswith("Unterminated string")
            if window.ended or not near_end:
                raise _JsonSyntaxError(f"not JSON: {error.msg}", error.pos) from None
        except (ValueError, RecursionError) as error:
            raise _JsonSyntaxError(f"not JSON: {error}", window.at) from None
        else:
            # A number that ends where the window ends may go on.
            if end < len(window.text) or window.ended:
                element = window.text[window.at : end].encode()
                window.move(end)
                return element
        if len(window.text) - window.at > MAX_ROW_CHARACTERS:
            raise _JsonSyntaxError(
                f"a row of more than {MAX_ROW_CHARACTERS:,} characters",
                window.at,
                "look for a missing bracket",
            )
        window.read_more()
