"""Reads rows by a plugin, and holds each of them to what a row must be. Whatever goes wrong names the plugin.

Can be sent to another process, which loads the plugin for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchspec.core.model import InputRow
from batchspec.core.offered import Maker, PluginDataError, PluginFaultError
from batchspec.plugins.foreign import called, passes, words
from batchspec.plugins.installed import Installed, broken, code_mark, loaded
from batchspec.plugins.surface import InputFile, InputPlugin, Row, RowError

_SCALARS = frozenset({str, int, bool, type(None)})
_DEEPEST = 200
_END = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReader:
    """Reads files by a plugin. Fills `core.offered.OfferedReader`."""

    found: Installed
    root: Path
    maker: Maker

    def rows(self, path: str, stream: BinaryIO) -> Iterator[InputRow]:
        """Yield the rows of a file. Raises PluginFaultError, PluginDataError and what reading the stream raises."""
        plugin = loaded(self.found, InputPlugin, self.root)
        if self.maker.mark not in {None, code_mark(self.found)}:
            raise fault(self.found, "was changed while this ran", hint="run again")
        assert plugin.read_file is not None, "it was looked at when the reader was made"
        read_file = plugin.read_file
        return _checked(self.found, path, lambda: read_file(InputFile(path=path, stream=stream)), _is_of_the_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStore:
    """Reads what is behind addresses by a plugin. Fills `core.offered.OfferedStore`."""

    found: Installed
    root: Path

    @property
    def maker(self) -> Maker:
        """The plugin, by which nothing is known: what an address holds may be another thing each time."""
        return Maker(self.found.told, None)

    def rows(self, address: str) -> Iterator[InputRow]:
        """Yield the rows behind an address. Raises PluginFaultError or PluginDataError."""
        plugin = loaded(self.found, InputPlugin, self.root)
        assert plugin.read_address is not None, "it was looked at when the store was made"
        read_address = plugin.read_address
        return _checked(self.found, address, lambda: read_address(address), lambda _: False)


def file_reader(found: Installed, root: Path) -> PluginReader | None:
    """Return the reader of a plugin; None for one that reads addresses alone. Raises PluginError."""
    plugin = input_plugin(found, root)
    if plugin.read_file is None:
        return None
    maker = Maker(found.told, code_mark(found) if plugin.by_content else None)
    return PluginReader(found=found, root=root, maker=maker)


def store(found: Installed, root: Path) -> PluginStore | None:
    """Return what reads a plugin's addresses; None for one that reads files alone. Raises PluginError."""
    plugin = input_plugin(found, root)
    return None if plugin.read_address is None else PluginStore(found=found, root=root)


def input_plugin(found: Installed, root: Path) -> InputPlugin:
    """Load what reads files or addresses. Raises PluginError."""
    plugin = loaded(found, InputPlugin, root)
    given = [each for each in (plugin.read_file, plugin.read_address) if each is not None]
    if not given or not all(map(callable, given)):
        raise broken(found, "reads nothing", why="one of `read_file` and `read_address` must be a function")
    return plugin


def fault(
    found: Installed, what: str, *, why: str | None = None, line: int | None = None, hint: str | None = None
) -> PluginFaultError:
    """Return the error of a plugin that does not do what it must."""
    error = PluginFaultError(
        f"the plugin `{found.name}` of {found.told} {what}",
        why=why,
        hint=hint or f"tell its author, or `pip install --upgrade {found.distribution}`; running again is safe",
    )
    error.line = line
    return error


def _is_of_the_file(error: BaseException) -> bool:
    """Tell what is wrong with a file, and not with who reads it: bytes that are no text, and what its disk has to say.

    What opening another file raises has that file's name.
    """
    return isinstance(error, UnicodeError) or (
        isinstance(error, OSError) and error.errno is not None and error.filename is None
    )


def _checked(
    found: Installed, path: str, begin: Callable[[], Iterable[Row]], excused: Callable[[BaseException], bool]
) -> Iterator[InputRow]:
    last = 0
    source = _each(found, begin, lambda: last, excused)
    try:
        for row in source:
            values, line = _row(found, row, last)
            last = line
            yield InputRow(values, path, line)
    finally:
        source.close()


def _each(
    found: Installed,
    begin: Callable[[], Iterable[Row]],
    after: Callable[[], int],
    excused: Callable[[BaseException], bool],
) -> Generator[object, None, None]:
    """Yield what a plugin yields; its exceptions become errors that name it, but for those that are excused."""
    rows: Iterator[object] = iter(())
    try:
        rows = called(lambda: iter(begin()))
        while (row := called(lambda: next(rows, _END))) is not _END:
            yield row
    except RowError as error:
        raise _data_error(found, error) from None
    except BaseException as error:
        if passes(error) or excused(error):
            raise
        place = f"after the row at {after()}" if after() else "at its first row"
        raise fault(found, f"failed {place}", why=words(error)) from None
    finally:
        with suppress(Exception):
            getattr(rows, "close", _nothing)()


def _data_error(found: Installed, error: RowError) -> PluginDataError:
    """Return what a plugin says of the data; a class derived from RowError may lack any part of it."""
    line, hint = getattr(error, "line", None), getattr(error, "hint", None)
    told = PluginDataError(
        str(getattr(error, "summary", None) or words(error)),
        why=f"so says the plugin `{found.name}` of {found.told}",
        hint=str(hint) if hint else "mend the file at this place",
    )
    told.line = line if type(line) is int and line > 0 else None
    return told


def _nothing() -> None:
    """Close nothing."""


def _row(found: Installed, row: object, last: int) -> tuple[Mapping[str, object], int]:
    if not isinstance(row, Row):
        raise fault(found, "gave something that is no row", why=f"it is of type {type(row).__name__}, not Row")
    values, line = row
    if type(line) is not int or line < 1:
        raise fault(found, "gave a row without a position", why=f"`line` is {_told(line)}, not from 1 on")
    if line <= last:
        what = "gave two rows one position" if line == last else "gave rows out of order"
        raise fault(found, what, why=f"{line} came after {last}, and positions rise from row to row", line=line)
    if not isinstance(values, Mapping):
        raise fault(found, "gave a row without columns", why=f"`values` is of type {type(values).__name__}", line=line)
    plain = {}
    for name, value in _columns(found, values, line):
        if type(name) is not str or not name:
            raise fault(found, "gave a column without a name", why=f"its name is {_told(name)}", line=line)
        try:
            plain[_text(name)] = value if type(value) in _SCALARS and type(value) is not str else _plain(value, 0)
        except ValueError as error:
            raise fault(found, f"gave what JSON has no form for in `{name:.60}`", why=str(error), line=line) from None
    return plain, line


def _columns(found: Installed, values: Mapping[str, object], line: int) -> Iterable[tuple[object, object]]:
    if type(values) is dict:
        return values.items()
    try:
        return called(lambda: list(values.items()))
    except Exception as error:  # noqa: BLE001 - a mapping of the plugin's own
        raise fault(found, "gave a row whose columns cannot be read", why=words(error), line=line) from None


def _told(value: object) -> str:
    """Return a value as an error shows it; only what is plain is asked for its text."""
    return repr(value) if type(value) in {int, bool, str, type(None)} else f"of type {type(value).__name__}"


def _plain(value: object, depth: int) -> object:
    """Return a value as plain JSON, of its own. Raises ValueError for anything else."""
    kind = type(value)
    if kind is str:
        assert isinstance(value, str)
        return _text(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, float) and kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        return value
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, list) and kind is list:
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict) and kind is dict:
        if not all(type(key) is str for key in value):
            raise ValueError("a key is no text")
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    raise ValueError(f"it is of type {kind.__name__}; give text, a number, true, false, null, a list or a dict")


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("its text holds half of a character (a lone surrogate)") from None
    return text
