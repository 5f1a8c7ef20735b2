"""What can be wrong with a template, told with its line, the name it is about, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import NoReturn

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import StrictUndefined

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import FileProblemError
from batchspec.core.origin import Origin
from batchspec.core.template.bounds import TooMuchError

_REACH = "templates read values; what begins with `_`, or changes a value, is not for them"


class TemplateError(Exception):
    """A template that does not compile, or does not render for a row.

    `origin` and `line` say where; `name` is the name it is about, `detail` explains it, `hint` says how to mend it.
    `origin` is None where the fault lies in the template that was asked for itself.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        line: int = 1,
        name: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.name = name
        self.detail = detail
        self.hint = hint
        self.origin = origin


class _NamedMessage(str):
    """The message about a name, carrying what a person needs to mend it."""

    __slots__ = ("hint", "name")
    name: str
    hint: str | None

    @classmethod
    def about(cls, name: str, message: str, hint: str | None) -> _NamedMessage:
        told = cls(message)
        told.name, told.hint = name, hint
        return told


class UndefinedName(StrictUndefined):
    """An undefined name that knows its neighbours. Whatever is done with it fails, also inside a list."""

    __slots__ = ()
    __repr__ = StrictUndefined.__str__

    @property
    def _undefined_message(self) -> str:
        name = str(self._undefined_name)
        owner = self._undefined_obj
        if self._undefined_exception is SecurityError:
            return _NamedMessage.about(name, f"`{name}` is out of a template's reach", _REACH)
        # Jinja marks a name that is missing at the top level by an object of its own, which has no keys.
        hint = did_you_mean(name, [str(key) for key in owner]) if isinstance(owner, Mapping) else None
        inside = " in this row" if isinstance(owner, dict) else ""
        return _NamedMessage.about(name, f"`{name}` is not defined{inside}", hint)


class FileMissing(jinja2.TemplateNotFound):
    """An included file that cannot be read, and why."""

    def __init__(self, name: str, problem: FileProblemError) -> None:
        super().__init__(name)
        self.path = name
        self.problem = problem


class FileRefused(Exception):  # noqa: N818 - like the exceptions beside it, named by what happened
    """A file that a filter cannot give, and why."""

    def __init__(self, path: str, problem: FileProblemError) -> None:
        super().__init__(problem.summary)
        self.path = path
        self.problem = problem


def translate(
    error: Exception,
    origin: Origin,
    included: Mapping[str, Origin],
    filters: Collection[str] = (),
) -> NoReturn:
    """Raise the TemplateError that stands for whatever a template raised, at the line where it did.

    `included` are the templates that were read from files, by the path that they were asked for with.
    """
    if isinstance(error, TemplateError):
        error.origin = error.origin or origin
        raise error from None
    if isinstance(error, jinja2.TemplateSyntaxError):
        raise syntax_error(error, included.get(error.name or "", origin), filters) from None
    line, at = _place(error.__traceback__, origin, included)
    message = str(error) or type(error).__name__
    name: str | None = None
    detail: str | None = None
    hint: str | None = None
    if error.args and isinstance(error.args[0], _NamedMessage):
        name, hint = error.args[0].name, error.args[0].hint
    code = "template-failed"
    if isinstance(error, FileMissing):
        code, message, name = "include", error.problem.summary, error.path
        detail, hint = error.problem.why, error.problem.hint
    elif isinstance(error, FileRefused):
        code, message, name = "file", error.problem.summary, error.path
        detail, hint = error.problem.why, error.problem.hint
    elif isinstance(error, jinja2.TemplateNotFound):
        code = "include"
    elif isinstance(error, jinja2.UndefinedError):
        code = "undefined-name"
    elif isinstance(error, TooMuchError):
        code, hint = "template-refused", "prepare what is large in the inputs; a template puts one row into words"
    elif isinstance(error, SecurityError):
        code = "template-refused"
    raise TemplateError(code, message, line=line, name=name, detail=detail, hint=hint, origin=at) from None


def syntax_error(
    error: jinja2.TemplateSyntaxError, origin: Origin | None, filters: Collection[str] = ()
) -> TemplateError:
    """Return the TemplateError for text that is no template."""
    quoted = re.search(r"'([A-Za-z_]\w*)'", error.message or "")
    message = (error.message or "wrong syntax").rstrip(".")
    hint = "write {{ … }} for values and {% … %} for statements; `{% raw %}` keeps braces as they are"
    name = quoted.group(1) if quoted else None
    if name and "filter named" in message:
        hint = did_you_mean(name, filters) or hint
    return TemplateError("template-syntax", message, line=error.lineno, name=name, hint=hint, origin=origin)


def _place(trace: TracebackType | None, origin: Origin, included: Mapping[str, Origin]) -> tuple[int, Origin]:
    """Find the template's line in a traceback: the innermost frame of compiled template code."""
    line, at = 1, origin
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
            at = included.get(template.name or "", origin)
        trace = trace.tb_next
    return line, at
