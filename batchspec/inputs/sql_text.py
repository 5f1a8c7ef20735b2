"""What can be known of a query before it runs: that it only reads, which files it names, whether its order is fixed.

The files that it names are found in the project, and their real paths put in the place of the written ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb

from batchspec.core.errors import FileProblemError
from batchspec.core.ports import ProjectFiles
from batchspec.inputs.matching import SpecFindings, matching_paths

_READING = ("read_", "parquet_", "sniff_csv")
_CALLED_BY_NAME = ("current_", "localtime")
_READERS = {
    "csv": "read_csv",
    "tsv": "read_csv",
    "parquet": "read_parquet",
    "json": "read_json",
    "jsonl": "read_json",
    "ndjson": "read_json",
}


class Token(NamedTuple):
    """A word of a query, and the bytes that it stands at."""

    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The text in small letters, as keywords and names are compared."""
        return self.text.lower()

    @property
    def quoted(self) -> str | None:
        """What stands in the quotes of a literal or of a quoted name, or None."""
        mark = self.text[:1]
        if mark not in {"'", '"'} or len(self.text) < 2 or self.text[-1] != mark:
            return None
        return self.text[1:-1].replace(mark * 2, mark)


class ReadyQuery(NamedTuple):
    """A query with the real paths of its files, those paths, the functions that it calls, and whether it is ordered."""

    sql: str
    paths: tuple[str, ...]
    calls: frozenset[str]
    ordered: bool


def ready_query(sql: str, spec: str, root: Path, files: ProjectFiles, findings: SpecFindings) -> ReadyQuery | None:
    """Check a query that the file `spec` holds; None where something is wrong with it, which is reported."""
    if not _reads_only(sql, findings):
        return None
    data = sql.encode()
    tokens = _tokens(data)
    paths: list[str] = []
    pieces: list[bytes] = []
    at = 0
    good = True
    for token, written, in_from in _named_files(tokens):
        found = _find(written, spec, files, findings)
        good = good and bool(found)
        real = [str((root / path).resolve()) for path in found]
        paths += real
        pieces += [data[at : token.start], _reading(real, in_from).encode()]
        at = token.end
    text = b"".join([*pieces, data[at:]]).decode()
    return ReadyQuery(text, tuple(paths), _calls(tokens), _is_ordered(tokens)) if good else None


def _reads_only(sql: str, findings: SpecFindings) -> bool:
    try:
        sql.encode()
        kinds = [statement.type.name for statement in duckdb.extract_statements(sql)]
    except (duckdb.Error, UnicodeEncodeError) as error:
        findings.error("sql", "the query is not SQL", detail=first_lines(error), hint="mend it; DuckDB reads it")
        return False
    if kinds == ["SELECT"]:
        return True
    what = f"these are {len(kinds)} statements" if len(kinds) != 1 else f"this is {kinds[0]}"
    findings.error("sql", f"one SELECT is wanted, and {what}", hint="write a query that reads")
    return False


def first_lines(error: Exception) -> str:
    """Return what an error of DuckDB says, without its drawing of the query."""
    return " ".join(str(error).partition("\nLINE ")[0].split())[:500]


def _tokens(data: bytes) -> list[Token]:
    """Return the words of a query, comments left out."""
    found = duckdb.tokenize(data.decode())
    ends = [offset for offset, _ in found[1:]] + [len(data)]
    tokens: list[Token] = []
    for (start, kind), end in zip(found, ends, strict=True):
        text = data[start:end].decode(errors="replace").rstrip()
        if kind.name != "comment" and text:
            tokens += _split(text, start)
    return tokens


def _split(text: str, start: int) -> Iterator[Token]:
    """Cut operators that the tokenizer gives as one, as in `([`."""
    if text[0] in "'\"" or text[0].isalnum() or text[0] in "_$":
        yield Token(text, start, start + len(text.encode()))
        return
    for offset, sign in enumerate(text):
        if not sign.isspace():
            at = start + len(text[:offset].encode())
            yield Token(sign, at, at + len(sign.encode()))


def _named_files(tokens: Sequence[Token]) -> Iterator[tuple[Token, str, bool]]:
    """Yield the words that name files, what each says, and whether it stands where a table would."""
    calls: list[bool] = []
    before = ""
    listed = False
    for token in tokens:
        written = token.quoted
        if written is not None and before in {"from", "join"}:
            if token.text[0] == "'" or "/" in written or "." in written:
                yield token, written, True
        elif written is not None and calls and calls[-1] and (before == "(" or (listed and before in {"[", ","})):
            yield token, written, False
        if token.text == "(":
            calls.append(before.startswith(_READING))
        elif token.text == ")" and calls:
            calls.pop()
        listed = token.text != "]" and (listed or (token.text == "[" and before == "(" and bool(calls) and calls[-1]))
        before = token.word


def _find(written: str, spec: str, files: ProjectFiles, findings: SpecFindings) -> list[str]:
    if "://" in written:
        hint = "copy it into the project; `path` can read some addresses"
        findings.error("sql", f"`{written}` is no file of the project", hint=hint)
        return []
    try:
        pattern = files.join(spec, written)
    except FileProblemError as error:
        findings.problem(error)
        return []
    return matching_paths(pattern, files, findings)


def _reading(real: Sequence[str], in_from: bool) -> str:
    """Return the SQL that reads files by their real paths."""
    literals = ["'" + path.replace("'", "''") + "'" for path in real]
    if len(literals) == 1:
        return literals[0]
    listed = f"[{', '.join(literals)}]"
    if not in_from or not real:
        return listed
    name = real[0].lower().removesuffix(".gz").removesuffix(".zst")
    return f"{_READERS.get(name.rpartition('.')[2], 'read_csv')}({listed})"


def _calls(tokens: Sequence[Token]) -> frozenset[str]:
    called = {before.word for before, after in pairwise(tokens) if after.text == "("}
    return frozenset(called | {token.word for token in tokens if token.word.startswith(_CALLED_BY_NAME)})


def _is_ordered(tokens: Sequence[Token]) -> bool:
    depth, before = 0, ""
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and before == "order" and token.word == "by":
            return True
        before = token.word
    return False
