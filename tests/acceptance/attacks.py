"""What a pull request could bring that is meant to do harm, each with the words that it ends in."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from driving import chat_spec

SPEC = chat_spec()

Place = Callable[[Path], object]
"""Puts the attack into a project's folder."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """`limit` is the rule that it meets, `told` the words that the refusal holds."""

    what: str
    limit: str
    told: str
    place: Place

    @property
    def row(self) -> str:
        """Its row in the documentation's table."""
        return f"| {self.what} | {self.limit} | {self.told} |"


def text(path: str, content: str | bytes) -> Place:
    def place(root: Path) -> None:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    return place


def spec(more: str = "", **replaced: str) -> Place:
    content = SPEC + more
    for old, new in replaced.items():
        content = content.replace(OLD[old], new)
    return text("demo.batchspec.yaml", content)


OLD = {
    "word": '"Say {{ row.word }}"',
    "inputs": "inputs: rows.csv",
    "tokens": "max_tokens: 20",
    "prompt": 'prompt: "Say {{ row.word }}"',
    "id": "{{ row.id }}",
}


def template(source: str) -> Place:
    return spec(word=json.dumps(source))


def both(*places: Place) -> Place:
    def place(root: Path) -> None:
        for each in places:
            each(root)

    return place


def link(path: str, target: str) -> Place:
    def place(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)

    return place


def pipe(path: str) -> Place:
    def place(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        os.mkfifo(root / path)

    return place


def rows(content: str | bytes) -> Place:
    return text("rows.csv", content)


BOMB = "x-a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGES = "x-a: &a0 {k: 1}\n" + "".join(
    f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}\n" for n in range(1, 8)
)

YAML = [
    ("a spec of 17 MB", "16 MB", "is larger than 16 MiB", spec("x-a: " + "a" * 17_000_000)),
    ("a list of a million values", "500,000 values", "error[too-large]", spec("x-a: [" + "0," * 1_000_000 + "]\n")),
    ("brackets within brackets", "64 levels", "error[too-deep]", spec("x-a: " + "[" * 200_000)),
    ("dashes within dashes", "64 levels", "error[too-deep]", spec("x-a:\n  " + "- " * 100_000)),
    ("aliases of aliases", "100,000 values", "error[alias-budget]", spec(BOMB)),
    ("merges of merges", "100,000 values", "error[alias-budget]", spec(MERGES)),
    ("an alias within its anchor", "none", "error[self-reference]", spec("x-a: &a [*a]\n")),
    ("a key twice", "none", "error[duplicate-key]", spec("name: again\n")),
    ("300,000 unknown aliases", "100 errors", "101 errors", spec("x-a: [" + "*a," * 300_000 + "]\n")),
    ("a number of 5,000 digits", "4,300 digits", "error[not-json]", spec(f"x-a: {'9' * 5000}\n")),
    ("5 million hexadecimal digits", "4,300 digits", "error[not-json]", spec(f"x-a: 0x{'f' * 5_000_000}\n")),
    ("a number of 4,000 digits in a body", "a double", "too large a number", spec(tokens="x: " + "9" * 4000)),
    ("half a character", "Unicode", "error[yaml-syntax]", spec('x-a: "\\ud800"\n')),
    ("a tag", "none", "error[yaml-tag]", spec("x-a: !!python/object/apply:os.system [id]\n")),
    ("a second document", "one", "error[several-documents]", spec("---\na: 1\n")),
    ("a NUL in a spec", "printable text", "error[bad-character]", spec("x-a: \0\n")),
]

JINJA = [
    ("`range(10**9)`", "100,000", "Range too big", template("{% for i in range(10**9) %}x{% endfor %}")),
    ("`'a' * 10**9`", "16 Mi characters", "error[template-refused]", template("{{ 'a' * 10**9 }}")),
    ("`center(10**9)`", "16 Mi characters", "error[template-refused]", template("{{ 'a' | center(10**9) }}")),
    ("`9**(10**7)`", "4,096 bits", "error[template-refused]", template("{{ 9**(10**7) }}")),
    (
        "loops within loops",
        "2,000,000 steps",
        "error[template-refused]",
        template("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
    ),
    ("a macro without end", "Python's stack", "recursion", template("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")),
    ("3,000 brackets", "Python's stack", "recursion", template("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}")),
    ("a word wrapped at 1", "10⁹ moves", "cannot be wrapped", template("{{ ('a' * 10**6) | wordwrap(1) }}")),
    ("`random`", "not there", "random", template("{{ [1, 2] | random }}")),
    ("`lipsum`", "not there", "error[undefined-name]", template("{{ lipsum() }}")),
    ("a set", "not there", "a set has no order", template("{{ {'a': 1}.keys() - ['b'] }}")),
    ("`__class__`", "values alone", "out of a template's reach", template("{{ ''.__class__.__mro__ }}")),
    (
        "`__class__` by `format`",
        "values alone",
        "out of a template's reach",
        template("{{ '{0.__class__}'.format(row) }}"),
    ),
    ("a number that no double holds", "a double", "too large a number", template("{{ ('9' * 4299) | int }}")),
    ("infinity", "JSON", "not a JSON number", spec(tokens='x: "{{ 1e308 * (row.id | length) * 10 }}"')),
]

OUT = "leaves the project's root"
FILES = [
    ("a prompt above the root", "the root", OUT, spec(prompt="prompt: {file: ../secret.md}")),
    ("a prompt at an absolute path", "relative paths", "absolute path", spec(prompt="prompt: {file: /etc/passwd}")),
    (
        "a prompt that is a symlink out",
        "the root",
        OUT,
        both(link("p.md", "/etc/passwd"), spec(prompt="prompt: {file: p.md}")),
    ),
    (
        "a prompt that is a named pipe",
        "regular files",
        "named pipe",
        both(pipe("p.md"), spec(prompt="prompt: {file: p.md}")),
    ),
    (
        "a prompt that is `.git/config`",
        "the project's own",
        "private",
        both(text(".git/config", "x"), spec(prompt="prompt: {file: .git/config}")),
    ),
    ("an include above the root", "the root", OUT, template("{% include '../secret.md' %}")),
    (
        "an include that is a symlink out",
        "the root",
        OUT,
        both(link("p.md", "/etc/passwd"), template("{% include 'p.md' %}")),
    ),
    (
        "an include that is a named pipe",
        "regular files",
        "named pipe",
        both(pipe("p.md"), template("{% include 'p.md' %}")),
    ),
    (
        "a file that includes itself",
        "no ring",
        "includes itself",
        both(text("p.md", "{% include 'p.md' %}"), template("{% include 'p.md' %}")),
    ),
    ("`b64file` above the root", "the root", OUT, template("{{ '../secret' | b64file }}")),
    ("`b64file` by a symlink out", "the root", OUT, both(link("p", "/etc/passwd"), template("{{ 'p' | b64file }}"))),
    (
        "a schema that is a symlink out",
        "the root",
        OUT,
        both(link("s.json", "/etc/passwd"), spec(tokens="x: {file: s.json}")),
    ),
    ("a schema that is a device", "the root", OUT, both(link("s.json", "/dev/zero"), spec(tokens="x: {file: s.json}"))),
    (
        "a schema 5,000 levels deep",
        "1,024 levels",
        "is not JSON",
        both(text("s.json", "[" * 5000), spec(tokens="x: {file: s.json}")),
    ),
    ("inputs above the root", "the root", OUT, spec(inputs="inputs: ../rows.csv")),
    ("inputs by a symlink out", "the root", OUT, link("rows.csv", "/etc/passwd")),
    ("inputs that are a named pipe", "regular files", "named pipe", pipe("rows.csv")),
    ("inputs through a folder out", "the root", OUT, both(link("data", "/etc"), spec(inputs="inputs: data/*.csv"))),
    ("an output above the root", "the root", OUT, spec("output: ../x.jsonl\n")),
    ("an output in `.git`", "the project's own", "not yours to write", spec("output: .git/x.jsonl\n")),
    ("a spec that is a symlink out", "the root", OUT, link("demo.batchspec.yaml", "/etc/passwd")),
    ("a spec that is a named pipe", "regular files", "named pipe", pipe("demo.batchspec.yaml")),
    ("settings that are a symlink out", "the root", OUT, link("batchspec.toml", "/etc/passwd")),
    ("settings that are a named pipe", "regular files", "named pipe", pipe("batchspec.toml")),
    ("a state above the root", "the root", OUT, text("batchspec.toml", '[project]\nstate = "../state.db"\n')),
    (
        "settings with a host",
        "known keys",
        "error[unknown-key]",
        text("batchspec.toml", '[project]\nbase_url = "https://evil.example"\n'),
    ),
]

CSV = [
    ("a cell of 17 million characters", "16 Mi characters", "error[", rows('id,word\na,"' + "b" * 17_000_000 + '"\n')),
    ("a column twice", "one", "error[duplicate-column]", rows("id,id\na,b\n")),
    ("a ragged row", "the header's width", "error[ragged-row]", rows("id,word\na,b,c\n")),
    ("a NUL in a table", "text", "NUL", rows(b"id,word\na,b\0\n")),
    (
        "a quote that is never closed",
        "16 Mi characters",
        "error[unclosed-quote]",
        rows('id,word\na,"b\n' + "c,d\n" * 9),
    ),
    ("bytes that are no UTF-8", "the encoding", "utf-8", rows(b"id,word\na,\xff\n")),
    (
        "a gzip bomb of one line",
        "16 Mi characters",
        "error[",
        both(lambda root: (root / "rows.csv.gz").write_bytes(bomb()), spec(inputs="inputs: rows.csv.gz")),
    ),
]


def bomb() -> bytes:
    return gzip.compress(b'id,word\na,"' + b"b" * 40_000_000)


ATTACKS = [
    Attack(what=what, limit=limit, told=told, place=place) for what, limit, told, place in (*YAML, *JINJA, *FILES, *CSV)
]
