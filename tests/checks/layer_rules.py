"""The layers of batchspec as data, and the reading of a source tree that holds it to them.

This is the one place where the layers are decided. `docs/explanation/architecture.md` shows the same two tables.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PACKAGE = "batchspec"


class Part(NamedTuple):
    """A part of the program: its layer, what it is for, and the parts that its modules may import beside itself."""

    layer: int
    name: str
    holds: str
    imports: tuple[str, ...]


GROUND = "core: model, ports, diagnostics, errors"
_CORE = (GROUND, "core")
PARTS = (
    Part(
        6,
        "api",
        "the commands as calls that return values, for Python programs and notebooks",
        ("cli", "report", "commands", "outputs", *_CORE),
    ),
    Part(
        5,
        "cli",
        "options become values, adapters are built; alone reads the environment and exits",
        (
            "report",
            "commands",
            "inputs",
            "outputs",
            "state",
            "mistral",
            "tokens",
            "emulator",
            "project",
            "workers",
            "plugins",
            *_CORE,
        ),
    ),
    Part(4, "report", "the only text for people, and the JSON for programs", ("commands", *_CORE)),
    Part(3, "commands", "one module per verb; takes its collaborators, returns a value, prints nothing", _CORE),
    Part(2, "inputs", "streams rows from files", _CORE),
    Part(2, "outputs", "writes rows in the format of a file", _CORE),
    Part(2, "state", "the ledger in SQLite, its lock, a plan's scratch space", _CORE),
    Part(2, "mistral", "the files and batch-jobs API over HTTP", _CORE),
    Part(2, "tokens", "counts tokens as the models' own tokenisers do", _CORE),
    Part(2, "emulator", "a server of the same API on this machine", _CORE),
    Part(2, "project", "the project's root, files and settings; the spool", _CORE),
    Part(2, "workers", "renders rows in several processes", _CORE),
    Part(2, "plugins", "what code from outside may rely on; finds it, loads it, holds it to its promise", _CORE),
    Part(1, "core", "specs, templates, bodies, digests, plans, the protocol: values in, values out", (GROUND,)),
    Part(0, GROUND, "the words, the ports, findings and errors", ()),
)

_GROUND_MODULES = frozenset({"core.model", "core.ports", "core.diagnostics", "core.errors"})
# The package's own `__init__` holds a version and names what `api` has: anyone may read it. `__main__` is the program.
_VERSION = ""

HOMES: Mapping[str, tuple[str, ...]] = {
    "backports": ("inputs",),
    "click": ("cli",),
    "filelock": ("state",),
    "fsspec": ("inputs",),
    "jinja2": ("core.template",),
    "jsonschema": ("core.schema",),
    "mistral_common": ("tokens",),
    "duckdb": ("inputs",),
    "pyarrow": ("inputs", "outputs"),
    "pytz": ("inputs",),
    "orjson": ("core.json_text",),
    "pandas": ("api",),
    "polars": ("api",),
    "referencing": ("core.schema",),
    "requests": ("mistral",),
    "rich": ("report",),
    "sqlite_utils": ("state",),
    "urllib3": ("mistral",),
    "werkzeug": ("emulator",),
    "yaml": ("core.source",),
    "csv": ("inputs",),
    "gzip": ("inputs",),
    "http": ("mistral", "emulator"),
    "random": ("mistral",),
    "signal": ("cli",),
    "socket": ("mistral", "emulator"),
    "sqlite3": ("state", "emulator"),
    "ssl": ("mistral",),
    "pickle": ("workers",),
    "subprocess": ("project.repository", "workers"),
    "tomllib": ("project",),
    "urllib": ("mistral", "emulator"),
}
"""Where a library is used, and nowhere else. A third-party library that is not here may not be used at all."""

PURE = frozenset(
    {"abc", "base64", "bisect", "codecs", "collections", "contextlib", "copy", "dataclasses", "decimal", "difflib"}
    | {"enum", "fractions", "functools", "hashlib", "heapq", "io", "itertools", "json", "math", "numbers", "operator"}
    | {"posixpath", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata", "__future__"}
)
"""The standard library as far as core uses it: nothing that opens, listens, waits, asks the system or draws lots."""

PURE_EXCEPT = {"core.ports": frozenset({"pathlib"})}
"""Ports name paths, for adapters to open."""

_NOT_FOR_COMMANDS = frozenset({"os", "sys", "time", "datetime", "threading", "tempfile", "shutil", "uuid", "secrets"})
_ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.putenv"})
_EXITS = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit", "SystemExit"})
_STREAMS = frozenset({"sys.stdout", "sys.stderr", "sys.stdin", "sys.__stdout__", "sys.__stderr__", "print", "input"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module: its name below the package ("core.body"), what it imports, and what it refers to by name."""

    name: str
    part: str
    path: str
    imports: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]


def layer_table() -> str:
    """Return the layers as a Markdown table."""
    rows = ["| layer | part | holds | may import |", "| --- | --- | --- | --- |"]
    for part in PARTS:
        imports = ", ".join(f"`{name}`" for name in part.imports) or "the standard library only"
        rows.append(f"| {part.layer} | `{part.name}` | {part.holds} | {imports} |")
    return "\n".join(rows)


def home_table() -> str:
    """Return the libraries and their homes as a Markdown table."""
    rows = ["| library | home |", "| --- | --- |"]
    for library in sorted(HOMES, key=lambda name: (name in sys.stdlib_module_names, name)):
        kind = " (standard library)" if library in sys.stdlib_module_names else ""
        homes = ", ".join(f"`{home.replace('.', '/')}`" for home in HOMES[library]) or "none: nothing may use it"
        rows.append(f"| `{library}`{kind} | {homes} |")
    return "\n".join(rows)


def violations(package: Path) -> list[str]:
    """Return every breach of the rules in a source tree of the package, as `path:line: what`."""
    modules = list(_modules(package))
    known = {module.name for module in modules}
    found = [breach for module in modules for breach in _breaches(module, known)]
    imports = {module.name: {target for _, target in _own_imports(module, known)} for module in modules}
    # The package's own `__init__` names what `api` has, and imports it only where somebody asks for that.
    found += _cycles({name: targets for name, targets in imports.items() if name != _VERSION})
    return sorted(found)


def _modules(package: Path) -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        yield _module(path.relative_to(package).as_posix(), path.read_text(encoding="utf-8"))


@functools.cache
def _module(path: str, text: str) -> Module:
    name = path.removesuffix(".py").replace("/", ".").removesuffix("__init__").removesuffix(".")
    tree = ast.parse(text)
    imports, names = tuple(_imports(tree)), tuple(_names(tree))
    return Module(name=name, part=_part(name), path=path, imports=imports, names=names)


def _part(name: str) -> str:
    if name in _GROUND_MODULES:
        return GROUND
    return "cli" if name == "__main__" else name.split(".", maxsplit=1)[0]


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}:{alias.name}") for alias in node.names)


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "sys"}:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _own_imports(module: Module, known: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the modules of the package that a module imports."""
    for line, imported in module.imports:
        source, _, name = imported.partition(":")
        if source.split(".")[0] != PACKAGE:
            continue
        target = source.removeprefix(PACKAGE).removeprefix(".")
        inner = f"{target}.{name}".removeprefix(".")
        yield line, inner if name and inner in known else target


def _breaches(module: Module, known: set[str]) -> Iterator[str]:
    parts = {part.name: part for part in PARTS}
    part = parts.get(module.part)
    if module.name == _VERSION:
        return
    if part is None:
        yield f"{module.path}:1: `{module.part}` is no part of the program"
        return
    for line, target in _own_imports(module, known):
        other = _part(target)
        if target != _VERSION and other != part.name and other not in part.imports:
            yield f"{module.path}:{line}: {part.name} imports {other} ({target})"
    for line, imported in module.imports:
        library = imported.split(":")[0].split(".")[0]
        if imported.startswith("."):
            yield f"{module.path}:{line}: a relative import"
        elif library != PACKAGE:
            yield from _foreign(module, part, line, library)
    for line, name in module.names:
        yield from _reached(module, part, line, name)


def _foreign(module: Module, part: Part, line: int, library: str) -> Iterator[str]:
    place = f"{module.path}:{line}"
    if library == "_typeshed":
        return
    if library in HOMES:
        homes = HOMES[library]
        if not any(module.name == home or module.name.startswith(f"{home}.") for home in homes):
            yield f"{place}: {library} is used outside of its home ({', '.join(homes) or 'it has none'})"
    elif library not in sys.stdlib_module_names:
        yield f"{place}: {library} has no home"
    elif part.layer <= 1 and library not in PURE | PURE_EXCEPT.get(module.name, frozenset()):
        yield f"{place}: core is pure, and {library} is not"
    elif part.name == "commands" and library in _NOT_FOR_COMMANDS:
        yield f"{place}: commands are handed what they need, and {library} is not"
    if part.layer == 0 and library not in sys.stdlib_module_names:
        yield f"{place}: the ground floor uses the standard library only, not {library}"


def _reached(module: Module, part: Part, line: int, name: str) -> Iterator[str]:
    place = f"{module.path}:{line}"
    if part.layer <= 1 and name == "open":
        yield f"{place}: core opens no file"
    if part.name != "cli" and name in _ENVIRONMENT:
        yield f"{place}: only cli reads the environment ({name})"
    if part.name != "cli" and name in _EXITS:
        yield f"{place}: only cli exits ({name})"
    if part.name not in {"cli", "report"} and name in _STREAMS:
        yield f"{place}: only cli and report write for people ({name})"


def _cycles(graph: Mapping[str, set[str]]) -> list[str]:
    """Return each cycle of imports once, named by its modules from the first in the alphabet on."""
    found: dict[frozenset[str], str] = {}
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            cycle = path[path.index(name) :]
            first = cycle.index(min(cycle))
            told = [*cycle[first:], *cycle[:first], cycle[first]]
            found.setdefault(frozenset(cycle), "import cycle: " + " -> ".join(told))
            return
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            visit(target, [*path, name])
        done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return list(found.values())
