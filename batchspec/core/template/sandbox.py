"""Jinja's immutable sandbox made pure and bounded: no sets, no addresses, no state between rows, no endless work."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AnySet
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Undefined, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_eval_context

from batchspec.core.json_text import JsonError, parse
from batchspec.core.template import bounds
from batchspec.core.template.absent import is_none
from batchspec.core.template.bounds import Budget
from batchspec.core.template.faults import UndefinedName

_Filter = Callable[..., Any]
_SCALARS = (str, int, float, type(None), Undefined)
_CONTAINERS = (dict, list, tuple)
_LAZY = (Iterator, range, AnySet)
_SHORT = 4096
_STEPS_A_CALL = 8
_OWNERS = (str, bytes, int)
_MAKING_TEXT = frozenset(
    {"capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "pprint", "replace", "safe"}
    | {"string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount", "wordwrap"}
    | {"xmlattr"}
)


def printable(value: Any) -> Any:
    """Let only what JSON knows become text: anything else prints an address, which differs from run to run.

    Returns the value. Raises SecurityError, TooMuchError, or UndefinedError for an undefined name inside.
    """
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, _CONTAINERS):
        bounds.text_size(value)
        _check_inside(value)
        return value
    raise _unprintable(value)


def _check_inside(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> None:
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, Undefined):
            item._fail_with_undefined_error()
        elif not isinstance(item, _SCALARS):
            raise _unprintable(item)


def _unprintable(value: object) -> SecurityError:
    kind = type(value).__name__
    if isinstance(value, _LAZY):
        return SecurityError(f"a {kind} is still to be made into a list: add `| list` or `| join(', ')`")
    return SecurityError(f"a {kind} is no value of its own: is a `()` or a filter missing?")


class _Generator(CodeGenerator):
    """Jinja's compiler, but that every loop and every `~` goes by the environment."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        node.iter = nodes.Call(
            nodes.EnvironmentAttribute("counted", lineno=node.lineno), [node.iter], [], None, None, lineno=node.lineno
        )
        super().visit_For(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if not isinstance(node.node, nodes.EnvironmentAttribute):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        # A part of this program, put there above: it needs no sandbox around it.
        self.visit(node.node, frame)
        self.write("(")
        self.visit(node.args[0], frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self.write("environment.put_together((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("), context.eval_ctx.autoescape)")


class _Template(jinja2.Template):
    """A template that is imported afresh for every row: what one row has set there, the next must not see."""

    def _get_default_module(self, ctx: Context | None = None) -> Any:
        self._module = None
        return super()._get_default_module(ctx)


class RowEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, in which the keys of a mapping come before its methods, and work is bounded."""

    intercepted_binops = frozenset({"+", "-", "*", "**", "%"})
    code_generator_class = _Generator
    template_class = _Template
    concat = staticmethod(bounds.joined)

    def __init__(self, loader: jinja2.BaseLoader, more_filters: Mapping[str, _Filter]) -> None:
        super().__init__(
            undefined=UndefinedName,
            loader=loader,
            keep_trailing_newline=True,
            autoescape=False,
            finalize=printable,
            auto_reload=False,
        )
        self.budget = Budget()
        for name in ("lipsum", "cycler", "joiner"):
            del self.globals[name]
        del self.filters["random"]
        self.tests["none"] = is_none
        own = {"fromjson": _from_json, "tojson": _to_json, "join": _join}
        for name, function in {**self.filters, **own, **more_filters}.items():
            self.filters[name] = _bounded(name, function, self.budget)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up in a mapping first: a column named `items` is the column."""
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                pass
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would take the machine's memory, and sets, whose order differs from run to run."""
        if operator == "+":
            bounds.bound_sum(left, right)
        elif operator == "*":
            bounds.bound_product(left, right)
        elif operator == "**":
            bounds.bound_power(left, right)
        elif operator == "%" and isinstance(left, str):
            bounds.bound_percent(left, printable(right))
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, set | frozenset):
            raise SecurityError("a set has no order: use `| reject('in', …)` to leave some out")
        self.budget.charge_for(result)
        return result

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - Jinja's
        """Call a function or a method, counting it."""
        __self.budget.charge(_STEPS_A_CALL)
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, _OWNERS):
            name = __obj.__name__
            if name == "join":
                args = tuple(list(arg) if isinstance(arg, Iterator) else arg for arg in args)
            bounds.bound_method(owner, name, [*args, *kwargs.values()])
            __self.budget.charge_for(owner)
        elif isinstance(__obj, LoopContext) and args:
            return super().call(__context, __obj, __self.counted(args[0]), *args[1:], **kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Bound what `'…'.format(…)` makes."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def bounded(*args: Any, **kwargs: Any) -> str:
            for given in (*args, *kwargs.values()):
                printable(given)
            bounds.bound_format(value.__self__, args, kwargs)
            return wrapped(*args, **kwargs)

        return bounded

    def counted(self, items: Any) -> Iterable[Any]:
        """Return what a loop goes through, each turn counted."""
        try:
            turns = len(items)
        except TypeError:
            return self._counted_one_by_one(items)
        self.budget.charge(turns)
        counted: Iterable[Any] = items
        return counted

    def _counted_one_by_one(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.budget.charge(1)
            yield item

    def put_together(self, parts: tuple[Any, ...], escaped: bool) -> str:
        """Return the text of `a ~ b ~ c`."""
        bounds.bound_join("", [printable(part) for part in parts])
        result = markup_join(parts) if escaped else str_join(parts)
        self.budget.charge_for(result)
        return result


def _bounded(name: str, function: _Filter, budget: Budget) -> _Filter:
    """Return a filter that counts what it goes through, and refuses what would become too large."""
    check = _CHECKS.get(name)
    makes_text = name in _MAKING_TEXT

    def guard(value: Any) -> None:
        if makes_text:
            printable(value)
        budget.charge_for(value)

    def bounded(value: Any, /, *args: Any, **kwargs: Any) -> Any:
        # A short text is paid for by the turn of the loop that it stands in.
        if type(value) is not str or len(value) > _SHORT:
            guard(value)
        if check is not None:
            check(value, *args, **kwargs)
        return function(value, *args, **kwargs)

    def bounded_with(passed: Any, value: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(value) is not str or len(value) > _SHORT:
            guard(value)
        if check is not None:
            check(value, *args, **kwargs)
        return function(passed, value, *args, **kwargs)

    return functools.wraps(function)(bounded_with if hasattr(function, "jinja_pass_arg") else bounded)


def _check_format(value: Any, /, *args: Any, **kwargs: Any) -> None:
    values = printable(kwargs or args)
    bounds.bound_percent(str(value), values)


def _check_replace(value: Any, old: Any = None, new: Any = None, count: Any = None) -> None:  # noqa: ARG001
    bounds.bound_replacement(str(value), old, new)


def _check_indent(value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> None:  # noqa: ARG001
    lines = str(value).count("\n") + 1
    bounds.bound_width(lines * (len(width) if isinstance(width, str) else width))


def _check_wrap(
    value: Any,
    width: Any = 79,
    break_long_words: Any = True,  # noqa: ARG001
    wrapstring: Any = None,
    break_on_hyphens: Any = True,  # noqa: ARG001
) -> None:
    text = str(value)
    bounds.bound_wrapping(text, width)
    if isinstance(width, int) and isinstance(wrapstring, str):
        bounds.bound_text(len(text) + (len(text) // max(width, 1) + text.count("\n") + 1) * len(wrapstring))


_CHECKS: Mapping[str, Callable[..., None]] = {
    "batch": lambda value, linecount=None, fill_with=None: bounds.bound_count(linecount),  # noqa: ARG005
    "center": lambda value, width=80: bounds.bound_width(width),  # noqa: ARG005
    "format": _check_format,
    "indent": _check_indent,
    "replace": _check_replace,
    "round": lambda value, precision=0, method=None: bounds.bound_decimals(precision),  # noqa: ARG005
    "slice": lambda value, slices=None, fill_with=None: bounds.bound_count(slices),  # noqa: ARG005
    "sum": lambda value, attribute=None, start=0: bounds.bound_addends(start),  # noqa: ARG005
    "tojson": lambda value, indent=None: bounds.bound_decimals(indent),  # noqa: ARG005
    "wordwrap": _check_wrap,
}


def _from_json(text: str) -> object:
    try:
        return parse(str(text).encode("utf-8"))
    except (JsonError, UnicodeEncodeError) as error:
        raise SecurityError(f"`fromjson` was given text that is not JSON: {error}") from None


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(printable(value), ensure_ascii=False, indent=indent)


@pass_eval_context
def _join(context: EvalContext, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> str:
    items = list(value)
    if attribute is not None:
        items = list(map(make_attrgetter(context.environment, attribute), items))
    bounds.bound_join(str(d), [printable(item) for item in items])
    text: str = do_join(context, items, d)
    return text
