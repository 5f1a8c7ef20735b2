"""The one home of Jinja: a strict, sandboxed, pure environment, and templates compiled for many rows.

Rendering sees names and nothing else: no file but what the given reader hands out, no clock, no randomness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import FileProblemError
from batchspec.core.json_text import JsonError, encode, parse
from batchspec.core.origin import FileOrigin, Origin, TemplateText

MAX_TEXT = 16 * 1024 * 1024
"""The most characters that one template may make for one row."""

_MAX_CHUNKS = 1_000_000
_MAX_POWER_BITS = 4096
_PRINTABLE = (str, int, float, type(None), dict, list, tuple, Undefined)


class TemplateError(Exception):
    """A template that does not compile, or does not render for a row.

    `origin` and `line` say where; `name` is the name it is about, `hint` how to mend it. `origin` is None where the
    fault lies in the template that was asked for itself.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        line: int = 1,
        name: str | None = None,
        hint: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.name = name
        self.hint = hint
        self.origin = origin


class _MissingName(str):
    """The message of an undefined name, carrying what a person needs to mend it."""

    __slots__ = ("hint", "name")
    name: str
    hint: str | None


class UndefinedName(StrictUndefined):
    """An undefined name that knows its neighbours."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = str(self._undefined_name)
        owner = self._undefined_obj
        # Jinja marks a name that is missing at the top level by an object of its own, which has no keys.
        inside = isinstance(owner, Mapping)
        message = _MissingName(f"`{name}` is not defined" + (" in this row" if isinstance(owner, dict) else ""))
        message.name = name
        message.hint = did_you_mean(name, [str(key) for key in owner]) if inside else None
        return message


class _RowEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, in which the keys of a mapping come before its methods, and sizes are bounded."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up in a mapping first: a column named `items` is the column."""
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                pass
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would take the machine's memory: huge powers, huge repetitions, huge paddings."""
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if right > 0 and left.bit_length() * right > _MAX_POWER_BITS:
                raise SecurityError(f"{left} ** {right} is too large a number for a template")
        elif operator == "*":
            for sequence, count in ((left, right), (right, left)):
                sized = isinstance(sequence, str | list | tuple) and isinstance(count, int)
                if sized and len(sequence) * count > MAX_TEXT:
                    raise SecurityError("this repetition is too large for a template")
        elif operator == "%" and isinstance(left, str) and re.search(r"%[^a-zA-Z%]*(\*|\d{5,})", left):
            raise SecurityError("this padding is too wide for a template")
        return super().call_binop(context, operator, left, right)


def _printable(value: Any) -> Any:
    """Let only what JSON knows become text: anything else prints an address, which differs from run to run."""
    if isinstance(value, _PRINTABLE):
        return value
    kind = type(value).__name__
    if kind == "generator":
        raise SecurityError("this is a sequence still to be made: add `| list` or `| join(', ')`")
    raise SecurityError(f"a {kind} has no text: is a `()` or a filter missing?")


def _from_json(text: str) -> object:
    try:
        return parse(str(text).encode("utf-8"))
    except JsonError as error:
        raise SecurityError(f"`fromjson` was given text that is not JSON: {error}") from None


def _to_json(value: object, indent: int | None = None) -> str:
    if indent is None:
        return encode(value).decode("utf-8")
    import json  # noqa: PLC0415 - only for the rare template that wants it indented

    return json.dumps(value, ensure_ascii=False, indent=indent)


def _bounded_width(width: int) -> int:
    if width > MAX_TEXT:
        raise SecurityError("this padding is too wide for a template")
    return width


def _center(value: str, width: int = 80) -> str:
    return str(value).center(_bounded_width(width))


class Compiled:
    """A template that is rendered row by row over names that it shares with others.

    `native` is set for a string that is one lone expression, whose value keeps its type. `constant` is set where no
    name of the row is read, so that the result is the same for every row.
    """

    def __init__(self, template: jinja2.Template, origin: Origin, *, native: bool, constant: bool, fresh: bool) -> None:
        self.origin = origin
        self.native = native
        self.constant = constant
        self._template = template
        self._fresh = fresh
        self._context: Any = None
        self._names: dict[str, object] | None = None

    def render(self, names: dict[str, object]) -> object:
        """Return the text, or a lone expression's value. `names` may be one dict, changed between rows.

        Raises TemplateError.
        """
        if names is not self._names or self._fresh:
            # A shared context takes `names` as it is, so that a row is changed in one place for every template.
            self._context = self._template.new_context(names, shared=True)
            self._names = names
        context = self._context
        try:
            chunks = self._template.root_render_func(context)
            if self.native:
                for _ in chunks:
                    pass
                value = context.vars["result"]
                if isinstance(value, Undefined):
                    value._fail_with_undefined_error()
                return value
            return _joined(chunks)
        except Exception as error:  # noqa: BLE001 - a template can raise anything; one translation for all
            _translate(error, self.origin)
        finally:
            if context.vars:
                context.vars.clear()
                context.exported_vars.clear()


class ColumnValue(Compiled):
    """The lone expression `row.name`, by far the commonest: a look-up instead of a template."""

    def __init__(self, template: jinja2.Template, origin: Origin, column: str) -> None:
        super().__init__(template, origin, native=True, constant=False, fresh=False)
        self._column = column

    def render(self, names: dict[str, object]) -> object:
        """Return the row's value; a missing column is told the way any template tells it."""
        row: Any = names["row"]
        try:
            return row[self._column]
        except KeyError:
            return super().render(names)


def _joined(chunks: Iterator[str]) -> str:
    pieces = list(islice(chunks, _MAX_CHUNKS))
    text = pieces[0] if len(pieces) == 1 else "".join(pieces)
    if len(pieces) == _MAX_CHUNKS or len(text) > MAX_TEXT:
        raise SecurityError(f"this template makes more than {MAX_TEXT:,} characters or {_MAX_CHUNKS:,} pieces")
    return text


class TemplateCompiler:
    """Compiles the templates of one spec.

    `read_text` gives a file that a template includes, by the path as written there; it raises FileProblemError.
    `names` are the names that templates may read, beside Jinja's own.
    """

    def __init__(self, read_text: Callable[[str], tuple[str, str]], names: Mapping[str, object]) -> None:
        self._read_text = read_text
        self._included: dict[str, FileOrigin] = {}
        self._names = frozenset(names)
        environment = _RowEnvironment(
            undefined=UndefinedName,
            loader=jinja2.FunctionLoader(self._load),
            keep_trailing_newline=True,
            autoescape=False,
            finalize=_printable,
            auto_reload=False,
        )
        for name in ("lipsum", "cycler", "joiner"):
            del environment.globals[name]
        del environment.filters["random"]
        environment.filters |= {"fromjson": _from_json, "tojson": _to_json, "center": _center}
        self._environment = environment
        self.globals: dict[str, object] = dict(environment.globals)

    def compile(self, source: TemplateText) -> Compiled:
        """Compile one template. Raises TemplateError."""
        try:
            tree = self._environment.parse(source.text)
            expression = _lone_expression(tree, source.text)
            reads = self._names_read(tree, frozenset())
            self._check_names(reads, tree)
            if expression is not None:
                target = nodes.Name("result", "store", lineno=expression.lineno)
                tree = nodes.Template([nodes.Assign(target, expression, lineno=expression.lineno)], lineno=1)
                tree.set_environment(self._environment)
            code: Any = self._environment.compile(tree)
            template = jinja2.Template.from_code(self._environment, code, self._environment.make_globals(None))
        except Exception as error:  # noqa: BLE001 - constant expressions are evaluated here and can raise anything
            _translate(error, source.origin, self._included)
        column = _column_of(expression)
        if column is not None:
            return ColumnValue(template, source.origin, column)
        fresh = any(True for _ in tree.find_all((nodes.Extends, nodes.Block, nodes.Import, nodes.FromImport)))
        constant = not reads & {"row"}
        return Compiled(template, source.origin, native=expression is not None, constant=constant, fresh=fresh)

    def _load(self, path: str) -> tuple[str, str, Callable[[], bool]]:
        text, at = self._read_text(path)
        # An editor ends a file with a newline that its writer did not mean as part of the prompt.
        text = text.removesuffix("\n").removesuffix("\r")
        self._included[path] = FileOrigin(path=at, text=text)
        return text, path, lambda: True

    def origin_of(self, template_name: str | None) -> Origin | None:
        """Return where an included template stands."""
        return self._included.get(template_name or "")

    def _names_read(self, tree: nodes.Template, seen: frozenset[str]) -> set[str]:
        names = meta.find_undeclared_variables(tree)
        for included in meta.find_referenced_templates(tree):
            if included is None:
                names.add("row")  # the name of the file is made per row: nothing can be said beforehand
            elif included in seen:
                raise TemplateError("template-loop", f"`{included}` includes itself", name=included)
            else:
                text = self._load(included)[0]
                try:
                    inner = self._environment.parse(text, name=included)
                except jinja2.TemplateSyntaxError as error:
                    raise _syntax_error(error, self._included[included]) from None
                names |= self._names_read(inner, seen | {included})
        return names

    def _check_names(self, reads: set[str], tree: nodes.Template) -> None:
        unknown = sorted(reads - self._names - set(self._environment.globals))
        for name in unknown:
            if _may_be_missing(tree, name):
                continue
            line = next((found.lineno for found in tree.find_all(nodes.Name) if found.name == name), None)
            if line is None:
                continue  # it stands in an included file, which names it itself when it is rendered
            hint = did_you_mean(name, self._names)
            raise TemplateError("undefined-name", f"`{name}` is not defined", line=line, name=name, hint=hint)


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


def _column_of(expression: nodes.Expr | None) -> str | None:
    if isinstance(expression, nodes.Getattr) and isinstance(expression.node, nodes.Name):
        return expression.attr if expression.node.name == "row" else None
    if (
        isinstance(expression, nodes.Getitem)
        and isinstance(expression.node, nodes.Name)
        and expression.node.name == "row"
        and isinstance(expression.arg, nodes.Const)
        and isinstance(expression.arg.value, str)
    ):
        return expression.arg.value
    return None


def _syntax_error(error: jinja2.TemplateSyntaxError, origin: Origin | None) -> TemplateError:
    quoted = re.search(r"'([A-Za-z_]\w*)'", error.message or "")
    message = (error.message or "wrong syntax").rstrip(".")
    hint = "write {{ … }} for values and {% … %} for statements; `{% raw %}` keeps braces as they are"
    name = quoted.group(1) if quoted else None
    if name and "filter named" in message:
        hint = did_you_mean(name, FILTERS) or hint
    return TemplateError("template-syntax", message, line=error.lineno, name=name, hint=hint, origin=origin)


def _translate(error: Exception, origin: Origin, included: Mapping[str, Origin] | None = None) -> NoReturn:
    """Raise the TemplateError that stands for whatever a template raised, at the line where it did."""
    if isinstance(error, TemplateError):
        error.origin = error.origin or origin
        raise error from None
    if isinstance(error, jinja2.TemplateSyntaxError):
        raise _syntax_error(error, (included or {}).get(error.name or "", origin)) from None
    if isinstance(error, FileProblemError):
        raise TemplateError("include", error.summary, hint=error.hint, origin=origin) from None
    line, at = _line_of(error, origin)
    if isinstance(error, jinja2.UndefinedError):
        message = error.args[0] if error.args else "undefined"
        name = getattr(message, "name", None)
        hint = getattr(message, "hint", None)
        raise TemplateError("undefined-name", str(message), line=line, name=name, hint=hint, origin=at) from None
    if isinstance(error, SecurityError):
        raise TemplateError("template-refused", str(error), line=line, origin=at) from None
    what = str(error) or type(error).__name__
    raise TemplateError("template-failed", what, line=line, origin=at) from None


def _line_of(error: Exception, origin: Origin) -> tuple[int, Origin]:
    """Find the template's line in a traceback: the innermost frame of compiled template code."""
    line, at = 1, origin
    step = error.__traceback__
    while step is not None:
        template = step.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(step.tb_lineno)
            loader = template.environment.loader
            compiler = getattr(getattr(loader, "load_func", None), "__self__", None)
            at = compiler.origin_of(template.name) or origin if compiler is not None else origin
        step = step.tb_next
    return line, at
