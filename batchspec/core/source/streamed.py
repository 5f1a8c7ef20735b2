"""UTF-8 from a stream of bytes, decoded as the parser asks for it; holds one item's source, never the whole."""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from typing import BinaryIO, NamedTuple

from batchspec.core.diagnostics import Span
from batchspec.core.source.findings import Finding, RefusedError
from batchspec.core.source.text import LINE_BREAKS_OF_1_1, UNPRINTABLE, not_allowed

_CHUNK = 64 * 1024
# What comes later in a stream is not known, so YAML 1.1's line breaks are replaced by code points that Unicode keeps
# out of text for ever; a file that holds them is refused.
_NONCHARACTERS = "\U000afffe\U000affff\U000bfffe"
_REFUSED = re.compile(f"{UNPRINTABLE.pattern}|[{_NONCHARACTERS}]")
_STAND_INS = dict(zip(map(ord, LINE_BREAKS_OF_1_1), _NONCHARACTERS, strict=True))
_RESTORE = dict(zip(map(ord, _NONCHARACTERS), LINE_BREAKS_OF_1_1, strict=True))


class _Piece(NamedTuple):
    """Source text as it was read, and the place of its first character."""

    place: tuple[int, int]
    text: str


class StreamedText:
    """The text of a stream, and its source lines from the current item on.

    A failure must not be raised through the parser, which would lose it: the text ends instead, and `raise_failure`
    tells why. `restore` undoes the stand-ins in the parser's output.
    """

    def __init__(self, stream: BinaryIO, longest_item: int) -> None:
        self.restore: dict[int, str] = {}
        self._failure: Exception | None = None
        self._stream = stream
        self._longest_item = longest_item
        self._decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
        self._kept: deque[_Piece] = deque()
        self._held = 0
        self._place = (1, 1)
        self._ended = False

    def read(self, size: int = _CHUNK) -> str:  # noqa: ARG002 - the parser keeps what it did not ask for
        """Return the next text for the parser, "" at the end or after a failure."""
        text = ""
        while not text and not self._ended and self._failure is None:
            try:
                text = self._decode()
            except Exception as error:  # noqa: BLE001 - raised again by raise_failure, outside of the parser
                self._failure = error
        if self._failure is not None:
            return ""
        if any(character in text for character in LINE_BREAKS_OF_1_1):
            self.restore.update(_RESTORE)
            return text.translate(_STAND_INS)
        return text

    def raise_failure(self) -> None:
        """Raise what ended the text early: RefusedError, or what the stream itself raised."""
        if self._failure is not None:
            raise self._failure

    def keep_from(self, line: int, column: int) -> None:
        """Let go of the source before this place, where an item begins."""
        while len(self._kept) > 1 and self._kept[1].place <= (line, column):
            self._held -= len(self._kept.popleft().text)

    def line_text(self, line: int) -> str:
        """Return a source line that is still held from its beginning, else ""."""
        if not self._kept:
            return ""
        first_line, first_column = self._kept[0].place
        index = line - first_line
        if index < 0 or (index == 0 and first_column > 1):
            return ""
        lines = "".join(piece.text for piece in self._kept).split("\n", index + 1)
        return lines[index] if index < len(lines) else ""

    def _decode(self) -> str:
        data = self._stream.read(_CHUNK)
        self._ended = not data
        try:
            text = str(self._decoder.decode(data, final=self._ended))
        except UnicodeDecodeError as error:
            raise RefusedError(_not_utf8(error, self._place[0])) from None
        self._keep(text)
        refused = _REFUSED.search(text)
        if refused is not None:
            place = _after(self._kept[-1].place, text[: refused.start()])
            raise RefusedError(not_allowed(refused.group(), *place))
        if self._held > self._longest_item + _CHUNK:
            raise RefusedError(_too_long(self._kept[0].place, self._longest_item))
        return text

    def _keep(self, text: str) -> None:
        if text:
            self._kept.append(_Piece(self._place, text))
            self._held += len(text)
            self._place = _after(self._place, text)


def _after(place: tuple[int, int], text: str) -> tuple[int, int]:
    line, column = place
    newline = text.rfind("\n")
    return (line + text.count("\n"), len(text) - newline) if newline >= 0 else (line, column + len(text))


def _not_utf8(error: UnicodeDecodeError, line: int) -> Finding:
    line += error.object[: error.start].count(b"\n")
    return Finding(
        Span(line, 1, line, 2),
        "encoding",
        f"not UTF-8: the byte 0x{error.object[error.start]:02X} does not fit there",
        "YAML files are read as UTF-8",
        "save the file as UTF-8",
    )


def _too_long(place: tuple[int, int], longest: int) -> Finding:
    line, column = place
    return Finding(
        Span(line, column, line, column + 1),
        "too-large",
        f"one item is longer than {longest // 1_000_000} MB",
        "rows are held in memory one at a time, and no request can be that long",
        "look for a missing closing quote, or split the row",
    )
