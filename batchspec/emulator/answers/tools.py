"""Tools and `tool_choice`: which function must be called, and the arguments that an emulated call gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body
from batchspec.emulator.answers.structured import written

_CHOICES = ("auto", "none", "any", "required")
_OTHER_TOOLS = frozenset(
    {"web_search", "web_search_premium", "code_interpreter", "image_generation", "document_library", "connector"}
)


class FunctionTool(NamedTuple):
    """A function that may be called: its name, and the JSON Schema of its arguments."""

    name: str
    parameters: object


def tool_to_call(tools: object, choice: object) -> FunctionTool | None:
    """Return the function that must be called, or None where none must. Raises AnswerError."""
    if tools is None and choice is None:
        return None
    functions = _functions(tools)
    wanted: object = None
    if isinstance(choice, dict):
        function = choice.get("function")
        wanted = function.get("name") if isinstance(function, dict) else None
        if not isinstance(wanted, str):
            raise AnswerError("`tool_choice.function.name` must be a text")
    elif choice not in (None, *_CHOICES):
        raise AnswerError(f"`tool_choice` must be one of {', '.join(_CHOICES)}, or name a function")
    elif choice not in {"any", "required"}:
        return None
    for function in functions:
        if wanted in {None, function.name}:
            return function
    raise AnswerError("`tool_choice` asks for a tool that `tools` does not have")


def _functions(tools: object) -> list[FunctionTool]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise AnswerError("`tools` must be a list")
    return [found for tool in tools if (found := _function(tool)) is not None]


def _function(tool: object) -> FunctionTool | None:
    if not isinstance(tool, dict):
        raise AnswerError("every tool must be an object")
    kind = tool.get("type", "function")
    if kind != "function":
        if kind not in _OTHER_TOOLS:
            raise AnswerError(f"a tool's `type` must be one of function, {', '.join(sorted(_OTHER_TOOLS))}")
        return None
    function: Body = tool["function"] if isinstance(tool.get("function"), dict) else {}
    name, parameters = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not isinstance(parameters, Mapping):
        raise AnswerError("a tool's `function` must have a `name`, and its `parameters` as a JSON Schema")
    return FunctionTool(name, parameters)


class Call(NamedTuple):
    """An emulated call: the function's name and its arguments, as JSON text."""

    id: str
    name: str
    arguments: str


def call(tool: FunctionTool, draw: int) -> Call:
    """Return a call whose arguments fit the function's parameters. Raises AnswerError where nothing fits them."""
    return Call(f"{draw:09x}"[-9:], tool.name, written(tool.parameters, draw))
