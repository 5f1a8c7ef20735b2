"""Reads the values that are given for variables: from environment, files and options, the later over the earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from batchspec.core.errors import InvalidInputError
from batchspec.core.source import load_source
from batchspec.core.variables import Given

_PREFIX = "BATCHSPEC_VAR_"
_LARGEST_FILE = 10_000_000


def given_variables(environ: Mapping[str, str], files: Sequence[Path], pairs: Sequence[str]) -> tuple[Given, ...]:
    """Return what is given, in the order in which it counts. Raises InvalidInputError."""
    return (*_of_environment(environ), *(each for file in files for each in _of_file(file)), *map(_of_option, pairs))


def _of_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    # Shared by many projects, as an environment is: a name that no spec here declares is meant for another.
    for name in sorted(environ):
        if name.startswith(_PREFIX) and len(name) > len(_PREFIX):
            yield Given(name=name[len(_PREFIX) :], value=environ[name], source=name, must_be_declared=False)


def _of_file(path: Path) -> Iterator[Given]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        what = f"--var-file {path} cannot be read: {error.strerror or error}"
        raise InvalidInputError(what, hint="name a file of lines `name: value`") from None
    if len(content) > _LARGEST_FILE:
        raise InvalidInputError(
            f"--var-file {path} is larger than {_LARGEST_FILE // 1_000_000} MB", hint="put rows into `inputs` instead"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"--var-file {path} is not UTF-8: {error.reason} at byte {error.start}"
        raise InvalidInputError(what, hint="save the file as UTF-8") from None
    values = load_source(text, str(path)).value
    if not isinstance(values, dict):
        raise InvalidInputError(f"--var-file {path} holds no mapping", hint="write a line `name: value` for each")
    for name, value in values.items():
        yield Given(name=str(name), value=value, source=f"--var-file {path}", typed=True)


def _of_option(pair: str) -> Given:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise InvalidInputError(f"--var wants NAME=VALUE, not `{pair}`", hint="for example --var language=French")
    return Given(name=name, value=value, source="--var")
