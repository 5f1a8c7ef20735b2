"""The optional libraries that some inputs need, and what to say where one is not installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from batchspec.core.errors import FileProblemError


class Extra(NamedTuple):
    """An extra of the package, and the modules that may stand for it: the first that is there is taken."""

    name: str
    modules: tuple[str, ...]


DUCKDB = Extra("duckdb", ("duckdb",))
PARQUET = Extra("parquet", ("pyarrow",))
ZSTD = Extra("zstd", ("compression.zstd", "backports.zstd"))


class MissingExtraError(FileProblemError):
    """A library is wanted that is not installed."""

    code = "missing-extra"


def load_extra(extra: Extra, what: str) -> ModuleType:
    """Import an extra's library, which `what` needs. Raises MissingExtraError with the command that installs it."""
    for module in extra.modules:
        try:
            return import_module(module)
        except ImportError as error:
            why = str(error)
    raise MissingExtraError(
        f"{what} cannot be read without an optional library", why=why, hint=f"pip install 'batchspec[{extra.name}]'"
    )
