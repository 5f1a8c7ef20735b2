"""The YAML parser's complaints in the words of somebody who wrote the file: what is wrong there and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from batchspec.core.diagnostics import Span
from batchspec.core.source.findings import Finding

CODE = "yaml-syntax"
TEMPLATE_HINT = 'quote the whole value: "{{ … }}"'
_BARE_TEMPLATE = re.compile(r"""^[^"'|>]*[:\-,\[]\s+(?P<open>\{[{%#])""")
_CLOSED_QUOTES = re.compile(r"""(?:^\s*|[:\-]\s+)(["']).*\1""")


class Mark(NamedTuple):
    """A place, line and column from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """A parser's error: what it was doing since where, and what it met where."""

    context: str
    context_mark: Mark | None
    problem: str
    problem_mark: Mark | None

    @property
    def begun(self) -> Mark:
        """Where the thing began that went wrong."""
        return self.context_mark or self.met

    @property
    def met(self) -> Mark:
        """Where it was noticed."""
        return self.problem_mark or self.context_mark or Mark(1, 1)


class _Words(NamedTuple):
    summary: str
    detail: str | None = None
    hint: str | None = None
    at_beginning: bool = False
    code: str = CODE


_TEMPLATE = _Words(
    "a template must be quoted",
    "to YAML, a value that begins with `{` is a mapping",
    TEMPLATE_HINT,
    code="unquoted-template",
)

LineText = Callable[[int], str]

# Each pattern meets "context / problem" of PyYAML's error, in libyaml's words and in those of the parser in Python.
# `{line}` is where the failed thing began, `{indicator}` the character there; `{character}` is the one that was met.
_EXPLANATIONS: tuple[tuple[str, _Words], ...] = (
    (
        "quoted scalar / .*(end of stream|document (indicator|separator))",
        _Words("a quoted text is not closed", None, "add the closing quote", at_beginning=True),
    ),
    (
        "escape character",
        _Words(
            "unknown escape in a double-quoted text",
            "in double quotes a backslash begins an escape such as `\\n`",
            "use single quotes, or write the backslash twice",
        ),
    ),
    (
        "Unicode character escape",
        _Words(
            "an escape that is no character",
            "YAML does not know JSON's pairs of `\\u` escapes",
            "write the character itself, or one escape like `\\U0001F600`",
        ),
    ),
    (
        "hexa?decimal",
        _Words(
            "an escape needs hexadecimal digits",
            "`\\x` takes two of them, `\\u` four, `\\U` eight",
            "use single quotes, or write the backslash twice",
        ),
    ),
    (
        "cannot start any token",
        _Words("a value cannot begin with {character}", "YAML keeps this character for itself", "quote the value"),
    ),
    (
        "block scalar /",
        _Words(
            "`{indicator}` must end its line",
            "the text of a block begins on the next line, indented",
            "move the text to the next line, or quote it",
        ),
    ),
    (
        "scanning an alias",
        _Words(
            "`*` must be followed by a name",
            "a value that begins with `*` refers to an anchor",
            "quote the value",
            at_beginning=True,
        ),
    ),
    (
        "scanning an anchor",
        _Words(
            "`&` must be followed by a name",
            "a value that begins with `&` defines an anchor",
            "quote the value",
            at_beginning=True,
        ),
    ),
    (
        "tag",
        _Words(
            "YAML tags are not used here",
            "a value that begins with `!` is a YAML tag",
            "quote the value",
            at_beginning=True,
            code="yaml-tag",
        ),
    ),
    ("incompatible YAML", _Words("an unknown version of YAML", "this reads YAML 1.2", "remove the `%YAML` line")),
    (
        "directive",
        _Words(
            "a line cannot begin with `%`", "to YAML, such a line is a directive", "quote the value", at_beginning=True
        ),
    ),
    (
        "could not find expected ':'",
        _Words(
            "this line has no `key: value`",
            "every line of a mapping needs a colon and a space after its key",
            "add the colon; text over several lines begins with `|` or stands in quotes",
            at_beginning=True,
        ),
    ),
    (
        "sequence entries are not allowed",
        _Words(
            "a list cannot begin here",
            "the `- ` of a list stands on its own line, below the key",
            "move it to the next line; quote it if the dash belongs to the text",
        ),
    ),
    (
        "flow sequence",
        _Words("the list begun on line {line} is not closed, or a comma is missing", None, "add `]` or `,`"),
    ),
    (
        "flow mapping",
        _Words("the mapping begun on line {line} is not closed, or a comma is missing", None, "add `}` or `,`"),
    ),
    (
        "block node",
        _Words(
            "a value cannot begin with {character}",
            "it closes or separates something that was not begun",
            "quote the value",
        ),
    ),
    (
        "unexpected ':'",
        _Words(
            "a colon without a space", "a space must follow the colon after a key", "add the space, or quote the text"
        ),
    ),
    (
        "mapping keys are not allowed",
        _Words("a value cannot begin with `? `", "YAML keeps the question mark for keys", "quote the value"),
    ),
    ("flow node", _Words("a value is missing here", None, "give a value, close the bracket, or remove the comma")),
    (
        "block mapping",
        _Words(
            "this line does not fit the mapping begun on line {line}",
            "the keys of a mapping stand exactly below each other",
            "mend the indentation",
        ),
    ),
    (
        "block collection",
        _Words(
            "this line does not fit the list begun on line {line}",
            "the dashes of a list stand exactly below each other",
            "mend the indentation",
        ),
    ),
    (
        "<document start>",
        _Words(
            "text after the end of the document",
            "a file holds one value: its lines begin in the same column",
            "mend the indentation, or remove the line",
        ),
    ),
)


def explain(problem: Problem, line_text: LineText) -> Finding:
    """Return the finding for a parser's error; `line_text` gives a source line by its number from 1."""
    special = _tab(problem, line_text) or _colon(problem, line_text) or _in_block(problem, line_text)
    words = special or _known(problem, line_text)
    mark = problem.begun if words.at_beginning else _last_text(problem, line_text)
    template = _template_mark(problem, line_text)
    if template is not None:
        mark, words = template, _TEMPLATE
    return Finding(Span(*mark, mark.line, mark.column + 1), words.code, words.summary, words.detail, words.hint)


def _known(problem: Problem, line_text: LineText) -> _Words:
    met, begun = problem.met, problem.begun
    said = f"{problem.context} / {problem.problem}"
    for pattern, words in _EXPLANATIONS:
        if re.search(pattern, said):
            summary = words.summary.replace("{line}", str(begun.line))
            summary = summary.replace("{character}", _named(line_text(met.line)[met.column - 1 : met.column]))
            summary = summary.replace("{indicator}", line_text(begun.line)[begun.column - 1 : begun.column])
            return words._replace(summary=summary)
    return _Words(f"this is not YAML: {problem.problem}", problem.context or None)


def _named(character: str) -> str:
    return {"`": "a backtick", "\t": "a tab"}.get(character, f"`{character}`")


def _colon(problem: Problem, line_text: LineText) -> _Words | None:
    if "mapping values are not allowed" not in problem.problem:
        return None
    before = line_text(problem.met.line)[: problem.met.column - 1]
    if re.search(r":\s", before):
        return _Words(
            "a second `: ` on one line",
            "a colon followed by a space separates a key from its value",
            "quote the value if the colon belongs to its text",
        )
    return _Words(
        "a key is indented too far, or stands inside a text",
        "the value above it is already complete",
        "mend the indentation; text over several lines begins with `|` or stands in quotes",
    )


def _in_block(problem: Problem, line_text: LineText) -> _Words | None:
    if "parsing a block" not in problem.context:
        return None
    if line_text(problem.met.line)[problem.met.column - 1 :].startswith(":"):
        return _Words("a key is missing before the colon", None, "write a key, or quote the value")
    if not _CLOSED_QUOTES.search(line_text(problem.met.line)[: problem.met.column - 1]):
        return None
    return _Words(
        "text after a closing quote",
        "the quotes end before the value does",
        "quote the whole value, and double a `'` inside single quotes",
    )


def _last_text(problem: Problem, line_text: LineText) -> Mark:
    """Return where the error was met; from blank lines, such as the file's end, back to the end of the text before."""
    met = problem.met
    for line in range(met.line, max(met.line - 100, 0), -1):
        text = line_text(line).rstrip()
        if text:
            return met if line == met.line else Mark(line, len(text) + 1)
    return met


def _tab(problem: Problem, line_text: LineText) -> _Words | None:
    line = line_text(problem.met.line)
    before = line[: problem.met.column]
    if "\t" not in before or before.strip():
        return None if "tab" not in problem.problem else _tab_words()
    return _tab_words()


def _tab_words() -> _Words:
    return _Words(
        "a tab is used for indentation",
        "YAML indents with spaces only",
        "replace the tab by spaces (two for each level)",
    )


def _template_mark(problem: Problem, line_text: LineText) -> Mark | None:
    for line in dict.fromkeys((problem.met.line, problem.begun.line)):
        found = _BARE_TEMPLATE.search(line_text(line))
        if found is not None and (line < problem.met.line or found.start("open") < problem.met.column):
            return Mark(line, found.start("open") + 1)
    return None
