"""Templates compiled once for many rows, and what is known of them beforehand: the names they read, their type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import islice, repeat
from typing import Any, Self

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Undefined

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import FileProblemError
from batchspec.core.origin import FileOrigin, Origin, TemplateText
from batchspec.core.row_blocks import RowBlock, as_texts
from batchspec.core.template.bounds import MAX_STEPS, MAX_TEXT, Budget, TooMuchError, bound_text, joined
from batchspec.core.template.columns_read import Column, column_of, row_text_parts
from batchspec.core.template.faults import FileMissing, TemplateError, syntax_error, translate
from batchspec.core.template.file_filters import ReadBytes, Upload, file_filters
from batchspec.core.template.sandbox import RowEnvironment, printable

_MAX_CHUNKS = 1_000_000
_IMPORTING = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)


class Compiled:
    """A template that is rendered row by row over names that it shares with others.

    `native` is set for a string that is one lone expression, whose value keeps its type. `constant` is set where no
    name of the row is read, so that the result is the same for every row. `reads` are the names that it may read.
    """

    def __init__(
        self,
        template: jinja2.Template,
        origin: Origin,
        *,
        native: bool,
        reads: frozenset[str],
        fresh: bool,
        budget: Budget,
        included: Mapping[str, Origin],
    ) -> None:
        self.origin = origin
        self.native = native
        self.reads = reads
        self.constant = "row" not in reads
        self._template = template
        self._fresh = fresh
        self._budget = budget
        self._included = included
        self._context: Any = None
        self._names: dict[str, object] | None = None

    def apart(self) -> Self:
        """Return the same template, to be rendered over other names in between."""
        twin = copy(self)
        twin._context = twin._names = None
        return twin

    def render(self, names: dict[str, object]) -> object:
        """Return the text, or a lone expression's value. `names` may be one dict, changed between rows.

        Raises TemplateError.
        """
        if names is not self._names or self._fresh:
            # A shared context takes `names` as it is, so that a row is changed in one place for every template.
            self._context = self._template.new_context(names, shared=True)
            self._names = names
        context = self._context
        self._budget.steps = MAX_STEPS
        try:
            chunks = self._template.root_render_func(context)
            if self.native:
                for _ in chunks:
                    pass
                return _kept(context.vars["result"])
            return _joined(chunks)
        except Exception as error:  # noqa: BLE001 - a template can raise anything; one translation for all
            translate(error, self.origin, self._included)
        finally:
            if context.vars:
                context.vars.clear()
                context.exported_vars.clear()

    def column(self, names: dict[str, object], rows: RowBlock) -> Sequence[object]:
        """Return what `render` returns for each row. Raises TemplateError, where it does for any of them."""
        made = []
        for values in rows.values():
            names["row"] = values
            made.append(self.render(names))
        return made


class ColumnValue(Compiled):
    """The lone expression `row.name`, by far the commonest: a look-up instead of a template."""

    def __init__(self, compiled: Compiled, column: str) -> None:
        super().__init__(
            compiled._template,
            compiled.origin,
            native=True,
            reads=compiled.reads,
            fresh=False,
            budget=compiled._budget,
            included=compiled._included,
        )
        self._column = column

    def render(self, names: dict[str, object]) -> object:
        """Return the row's value; a missing column is told the way any template tells it."""
        row: Any = names["row"]
        try:
            return row[self._column]
        except KeyError:
            return super().render(names)

    def column(self, names: dict[str, object], rows: RowBlock) -> Sequence[object]:
        """Return the column as it is."""
        found = rows.column(self._column)
        return super().column(names, rows) if found is None else found


class RowText(Compiled):
    """Text around columns of the row and nothing else, as most prompts are: joined, without running a template."""

    def __init__(self, compiled: Compiled, parts: Sequence[str | Column]) -> None:
        super().__init__(
            compiled._template,
            compiled.origin,
            native=False,
            reads=compiled.reads,
            fresh=False,
            budget=compiled._budget,
            included=compiled._included,
        )
        self._texts = ["" if isinstance(part, Column) else part for part in parts]
        self._columns = [(place, part.name) for place, part in enumerate(parts) if isinstance(part, Column)]

    def render(self, names: dict[str, object]) -> object:
        """Return the text; a column that is missing, no text, or too long is left to the template."""
        row: Any = names["row"]
        pieces = self._texts.copy()
        try:
            for place, column in self._columns:
                pieces[place] = row[column]
            # What is no text has no length, or cannot be joined.
            if sum(map(len, pieces)) <= MAX_TEXT:
                return "".join(pieces)
        except (KeyError, TypeError, jinja2.UndefinedError):
            pass
        return super().render(names)

    def column(self, names: dict[str, object], rows: RowBlock) -> Sequence[object]:
        """Return the texts, joined from columns that are text and not too long, and otherwise one by one."""
        pieces: list[Iterable[str]] = [repeat(text) for text in self._texts]
        longest = sum(map(len, self._texts))
        for place, name in self._columns:
            column = as_texts(rows.column(name))
            if column is None:
                return super().column(names, rows)
            longest += max(map(len, column), default=0)
            pieces[place] = column
        return list(map("".join, zip(*pieces))) if longest <= MAX_TEXT else super().column(names, rows)  # noqa: B905 - the texts never end


def _kept(value: Any) -> object:
    """Return a lone expression's value, if it is one that JSON knows."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, str):
        bound_text(len(value))
    return printable(value)


def _joined(chunks: Iterator[str]) -> str:
    pieces = list(islice(chunks, _MAX_CHUNKS))
    if len(pieces) == _MAX_CHUNKS:
        raise TooMuchError(f"this makes more than {_MAX_CHUNKS:,} pieces of text")
    return pieces[0] if len(pieces) == 1 else joined(pieces)


class TemplateCompiler:
    """Compiles the templates of one spec.

    `read_text` gives a file that a template includes, by the path as written there; it raises FileProblemError.
    `names` are the names that templates may read, beside Jinja's own. Without `read_bytes` there are no filters that
    read files.
    """

    def __init__(
        self,
        read_text: Callable[[str], tuple[str, str]],
        names: Mapping[str, object],
        read_bytes: ReadBytes | None = None,
        upload: Upload | None = None,
    ) -> None:
        self._made: dict[int, tuple[TemplateText, Compiled]] = {}
        self._read_text = read_text
        self._included: dict[str, FileOrigin] = {}
        self._names = frozenset(names)
        reading = {} if read_bytes is None else file_filters(read_bytes, upload)
        self._file_filters = frozenset(reading)
        self._environment = RowEnvironment(jinja2.FunctionLoader(self._load), reading)
        self.opens_files = False
        """Whether rendering what was compiled so far may open files that compiling it has not."""
        self.globals: dict[str, object] = dict(self._environment.globals)

    @property
    def reads(self) -> frozenset[str]:
        """The names that the templates compiled so far may read."""
        return frozenset(name for _, compiled in self._made.values() for name in compiled.reads)

    def compile(self, source: TemplateText) -> Compiled:
        """Compile one template. Raises TemplateError.

        A template that was compiled before is compiled no second time, though rendered on its own.
        """
        made = self._made.get(id(source))
        if made is None:
            # With the text itself, so that no other one gets its id.
            made = self._made[id(source)] = (source, self._compiled(source))
        return made[1].apart()

    def _compiled(self, source: TemplateText) -> Compiled:
        environment = self._environment
        environment.budget.steps = MAX_STEPS
        try:
            tree = environment.parse(source.text)
            expression = _lone_expression(tree, source.text)
            self._check_names(tree)
            reads = self._names_read(tree, frozenset())
            if expression is not None:
                target = nodes.Name("result", "store", lineno=expression.lineno)
                tree = nodes.Template([nodes.Assign(target, expression, lineno=expression.lineno)], lineno=1)
                tree.set_environment(environment)
            # Found out before compiling, which changes the tree.
            fresh = any(True for _ in tree.find_all((nodes.Extends, nodes.Block, nodes.Import, nodes.FromImport)))
            column = None if expression is None else column_of(expression)
            parts = row_text_parts(tree)
            code: Any = environment.compile(tree)
            template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        except Exception as error:  # noqa: BLE001 - constant expressions are evaluated here and can raise anything
            translate(error, source.origin, self._included, environment.filters)
        compiled = Compiled(
            template,
            source.origin,
            native=expression is not None,
            reads=frozenset(reads),
            fresh=fresh,
            budget=environment.budget,
            included=self._included,
        )
        if column is not None:
            return ColumnValue(compiled, column.name)
        return compiled if parts is None else RowText(compiled, parts)

    def _load(self, path: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            text, at = self._read_text(path)
        except FileProblemError as problem:
            raise FileMissing(path, problem) from None
        # An editor ends a file with a newline that its writer did not mean as part of the prompt.
        text = text.removesuffix("\n").removesuffix("\r")
        self._included[path] = FileOrigin(path=at, text=text)
        return text, path, lambda: True

    def _names_read(self, tree: nodes.Template, seen: frozenset[str], at: Origin | None = None) -> set[str]:
        names = meta.find_undeclared_variables(tree)
        self.opens_files |= any(node.name in self._file_filters for node in tree.find_all(nodes.Filter))
        for node in tree.find_all(_IMPORTING):
            paths, optional = _imported(node)
            if paths is None:
                self.opens_files = True
                names |= {"row"} | self._names  # the file is named per row: nothing can be said beforehand
            for path in paths or ():
                try:
                    names |= self._names_read_in(path, seen)
                except FileMissing as missing:
                    if not optional:
                        problem = missing.problem
                        raise TemplateError(
                            "include",
                            problem.summary,
                            line=node.lineno,
                            name=path,
                            detail=problem.why,
                            hint=problem.hint,
                            origin=at,
                        ) from None
                except TemplateError as error:
                    if error.code == "template-loop" and error.origin is None:
                        error.line, error.origin = node.lineno, at
                    raise
        return names

    def _names_read_in(self, path: str, seen: frozenset[str]) -> set[str]:
        if path in seen:
            raise TemplateError("template-loop", f"`{path}` includes itself", name=path)
        text = self._load(path)[0]
        origin = self._included[path]
        try:
            tree = self._environment.parse(text, name=path)
        except jinja2.TemplateSyntaxError as error:
            raise syntax_error(error, origin, self._environment.filters) from None
        return self._names_read(tree, seen | {path}, origin)

    def _check_names(self, tree: nodes.Template) -> None:
        """Refuse a name that nobody gives. Included files are left to their rendering: the includer may give it."""
        unknown = sorted(meta.find_undeclared_variables(tree) - self._names - set(self._environment.globals))
        for name in unknown:
            if _may_be_missing(tree, name):
                continue
            line = next(found.lineno for found in tree.find_all(nodes.Name) if found.name == name)
            hint = did_you_mean(name, self._names)
            raise TemplateError("undefined-name", f"`{name}` is not defined", line=line, name=name, hint=hint)


def _imported(node: nodes.Node) -> tuple[list[str] | None, bool]:
    """Return the paths that a node includes, None where they are made per row; and whether it does without them."""
    assert isinstance(node, nodes.Include | nodes.Extends | nodes.Import | nodes.FromImport)
    optional = isinstance(node, nodes.Include) and node.ignore_missing
    named = node.template
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        return [named.value], optional
    if isinstance(named, nodes.List | nodes.Tuple):
        consts = [item.value for item in named.items if isinstance(item, nodes.Const) and isinstance(item.value, str)]
        return (consts if len(consts) == len(named.items) else None), True
    return None, optional


def _may_be_missing(tree: nodes.Template, name: str) -> bool:
    """Tell whether the template itself asks if the name is there: `x is defined`, `x | default(…)`."""
    for test in tree.find_all(nodes.Test):
        if test.name in {"defined", "undefined"} and isinstance(test.node, nodes.Name) and test.node.name == name:
            return True
    return any(
        found.name in {"default", "d"} and isinstance(found.node, nodes.Name) and found.node.name == name
        for found in tree.find_all(nodes.Filter)
    )


def _lone_expression(tree: nodes.Template, text: str) -> nodes.Expr | None:
    if len(tree.body) != 1 or not (text.startswith("{{") and text.endswith("}}")):
        return None
    output = tree.body[0]
    if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        return None
    node = output.nodes[0]
    return None if isinstance(node, nodes.TemplateData) else node
