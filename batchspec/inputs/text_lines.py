"""Decodes a stream block by block into lines that keep their ends, whatever the encoding.

Lines end at LF, CRLF or CR and nowhere else: not at U+2028, a form feed or the like, as `str.splitlines` would.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import BinaryIO

from batchspec.inputs.findings import FileFindings
from batchspec.inputs.row_file import MAX_ROW_CHARACTERS

# What is decoded and cut into lines is to stay within the cache of a core.
BLOCK_BYTES = 64 * 1024
_CONTINUATION = bytes(range(0x80, 0xC0))


def text_lines(stream: BinaryIO, encoding: str, findings: FileFindings) -> Iterator[str]:
    """Return the lines of a stream, without its byte order mark.

    The first bytes that are not of the encoding are an error and become U+FFFD, as do later ones; a NUL is an error
    on its line; a line over MAX_ROW_CHARACTERS ends the reading.
    """
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        return chain.from_iterable(_Utf8Lines(stream, findings).blocks())
    blocks = _whole_lines(_Decoding(stream, encoding, findings))
    # Split and chained in C: a generator's step per line would be felt.
    return chain.from_iterable(io.StringIO(block, newline="") for block in blocks)


class _Utf8Lines:
    """The lines of UTF-8, split before they are decoded.

    So a line in plain letters stays small and fast, whatever another line of its block has.
    """

    def __init__(self, stream: BinaryIO, findings: FileFindings) -> None:
        self._stream = stream
        self._findings = findings
        self._errors = "strict"
        self._lines = 0
        self._bytes = 0

    def blocks(self) -> Iterator[Sequence[str]]:
        held: list[bytes] = []
        characters = 0
        beginning = True
        while data := self._stream.read(BLOCK_BYTES):
            # A CR at the very end may be the first half of a CRLF, and one at the end of what is held was.
            cut = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1
            if cut or (held and held[-1].endswith(b"\r")):
                block, held = b"".join((*held, data[:cut])), [data[cut:]]
                if beginning:
                    block, beginning = self._without_mark(block), False
                yield self._decoded(block)
                characters = 0
            else:
                held.append(data)
            characters += len(held[-1].translate(None, _CONTINUATION))
            if characters > MAX_ROW_CHARACTERS:
                _report_too_long(self._findings, self._lines + 1)
                return
        rest = b"".join(held)
        yield self._decoded(self._without_mark(rest) if beginning else rest)

    def _without_mark(self, block: bytes) -> bytes:
        stripped = block.removeprefix(codecs.BOM_UTF8)
        self._bytes += len(block) - len(stripped)
        return stripped

    def _decoded(self, block: bytes) -> Sequence[str]:
        """Return the lines of a block that ends where a line does."""
        lines = block.splitlines(keepends=True)
        try:
            texts = list(map(str, lines, repeat("utf-8"), repeat(self._errors)))
        except UnicodeDecodeError:
            self._report_first_error(lines)
            self._errors = "replace"
            texts = list(map(str, lines, repeat("utf-8"), repeat(self._errors)))
        if b"\0" in block:
            for number, line in enumerate(lines, self._lines + 1):
                if b"\0" in line:
                    _report_nul(self._findings, number)
        self._lines += len(lines)
        self._bytes += len(block)
        return texts

    def _report_first_error(self, lines: Sequence[bytes]) -> None:
        offset = self._bytes
        for number, line in enumerate(lines, self._lines + 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                _report_encoding(self._findings, "utf-8", error, offset + error.start, number)
                return
            offset += len(line)


class _Decoding:
    """The text of a stream, a block at a time, and how many lines of it have ended."""

    def __init__(self, stream: BinaryIO, encoding: str, findings: FileFindings) -> None:
        self.findings = findings
        self.lines_ended = 0
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._told = False
        self._after_return = False
        self._bytes_read = 0

    def blocks(self) -> Iterator[str]:
        beginning = True
        while True:
            data = self._stream.read(BLOCK_BYTES)
            text = self._decode(data)
            if beginning and text:
                text = text.removeprefix("\ufeff")
                beginning = False
            if text:
                if "\0" in text:
                    self._report_nuls(text)
                self.lines_ended += self._line_ends(text)
                self._after_return = text.endswith("\r")
                yield text
            if not data:
                return
            self._bytes_read += len(data)

    def _decode(self, data: bytes) -> str:
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            self._decoder = codecs.getincrementaldecoder(self._encoding)("replace")
            if not self._told:
                # `error.start` counts from the bytes that the decoder still held.
                held = len(state[0])
                self._decoder.setstate(state)
                before = self._decoder.decode(data[: max(error.start - held, 0)])
                self._report_encoding(error, self._bytes_read - held + error.start, before)
            self._decoder.setstate(state)
            return self._decoder.decode(data, final=not data)

    def _line_ends(self, text: str) -> int:
        ends = text.count("\n")
        if self._after_return and text.startswith("\n"):
            ends -= 1
        if "\r" in text:
            ends += text.count("\r") - text.count("\r\n")
        return ends

    def _report_encoding(self, error: UnicodeDecodeError, offset: int, before: str) -> None:
        self._told = True
        line = self.lines_ended + self._line_ends(before) + 1
        _report_encoding(self.findings, self._encoding, error, offset, line)

    def _report_nuls(self, text: str) -> None:
        line, counted = self.lines_ended + 1, 0
        at = text.find("\0")
        while at != -1:
            line += self._line_ends(text[counted:at])
            _report_nul(self.findings, line)
            counted = at
            end = text.find("\n", at)
            at = text.find("\0", end) if end != -1 else -1


def _whole_lines(decoding: _Decoding) -> Iterator[str]:
    """Cut the blocks anew so that each ends where a line ends."""
    rest = ""
    for block in decoding.blocks():
        text = rest + block
        # A CR at the very end may be the first half of a CRLF.
        cut = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
        rest = text[cut:]
        if cut:
            yield text[:cut]
        if len(rest) > MAX_ROW_CHARACTERS:
            _report_too_long(decoding.findings, decoding.lines_ended + 1)
            return
    if rest:
        yield rest


def _report_encoding(findings: FileFindings, encoding: str, error: UnicodeDecodeError, offset: int, line: int) -> None:
    """Report the first bytes of a file that are not of its encoding; `offset` counts bytes from its beginning."""
    utf8 = codecs.lookup(encoding).name == "utf-8"
    findings.error(
        "encoding",
        f"not {encoding} text: byte 0x{error.object[error.start]:02x} at offset {offset}",
        line=line,
        detail=error.reason,
        hint="save the file as UTF-8, or name its encoding, for example `encoding: cp1252`"
        if utf8
        else "name the encoding that the file really has",
    )


def _report_nul(findings: FileFindings, line: int) -> None:
    """Report a line that holds a NUL."""
    hint = "remove it, or name the encoding (UTF-16 text is full of NULs)"
    findings.error("nul", "a NUL character", line=line, hint=hint)


def _report_too_long(findings: FileFindings, line: int) -> None:
    """Report a line that is no line of text."""
    findings.error(
        "line-too-long",
        f"a line of more than {MAX_ROW_CHARACTERS:,} characters; nothing after it is read",
        line=line,
        hint="is this a text file of the format that its name says?",
    )
