"""How a command's help is laid out: what it does, its options by groups, its examples; all words are the command's."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

_SELECTION = frozenset({"select", "exclude"})
_EVERYWHERE = frozenset(
    {"project", "state", "provider", "lock_timeout", "var", "var_file", "env", "quiet", "verbose", "debug", "help"}
)
_NOT_WRAPPED = "\n\b\n"


def examples_in(help_text: str | None) -> tuple[str, ...]:
    """Return the lines of a command's help that click is not to wrap: its examples."""
    block = cleandoc(help_text or "").partition(_NOT_WRAPPED)[2].partition("\n\n")[0]
    return tuple(line.strip() for line in block.splitlines() if line.strip())


class Taught(click.Command):
    """A command whose help groups its options and ends in its examples."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does."""
        whole = self.help
        try:
            self.help = cleandoc(whole or "").partition(_NOT_WRAPPED)[0]
            super().format_help_text(ctx, formatter)
        finally:
            self.help = whole

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, those that select specs, and those of every command."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and record[1]:
                groups.setdefault(_group(parameter), []).append(record)
        for title in ("Options", "Which specs", "Options of every command"):
            if title in groups:
                with formatter.section(title):
                    formatter.write_dl(groups[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        examples = examples_in(self.help)
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class TaughtGroup(click.Group):
    """A group whose commands are taught as others are."""

    command_class = Taught


def _group(parameter: click.Parameter) -> str:
    if parameter.name in _EVERYWHERE:
        return "Options of every command"
    return "Which specs" if parameter.name in _SELECTION else "Options"


def taught(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is called by itself, by its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from taught(command, f"{before}{name} ")
        elif not command.hidden:
            yield before + name, command
