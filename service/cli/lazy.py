"""A group of commands whose modules are imported when they are used: `--help` of the group stays fast."""

import inspect
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Typer has no public name for it."""

Commands = Mapping[str, tuple[str, str, str]]
"""Name: module, function or Typer app, help."""


def lazy_group(commands: Commands) -> type[TyperGroup]:
    """The class of a group with these commands, for `typer.Typer(cls=…)`."""

    class LazyCommands(TyperGroup):
        _shows_help = False
        """Whether the group's own help is written, which needs names and summaries only."""
        _resolves = False
        """Whether the command is looked for that was typed: it is needed itself, also where it is to be completed."""

        def __init__(self, **how: Any) -> None:
            super().__init__(**how)
            self.commands = dict.fromkeys(commands)  # type: ignore[assignment]  # For the name that was meant by one that is none.

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            self._resolves = True
            try:
                return super().resolve_command(ctx, args)
            except _USAGE_ERROR as error:
                within = [] if "ean '" in error.message else _within(commands, args[0])
                if within:
                    error.message += f" Did you mean {' or '.join(f'`{ctx.info_name} {one}`' for one in within)}?"
                raise
            finally:
                self._resolves = False

        def format_help(self, ctx: Any, formatter: Any) -> None:
            self._shows_help = True
            try:
                super().format_help(ctx, formatter)
            finally:
                self._shows_help = False

        def list_commands(self, ctx: Any) -> list[str]:
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in commands:
                return None
            module, attribute, summary = commands[cmd_name]
            if self._shows_help or (ctx.resilient_parsing and not self._resolves):
                return _stub(cmd_name, summary)
            return _command(cmd_name, getattr(import_module(module), attribute), summary)

    return LazyCommands


def _within(commands: Commands, typed: str) -> list[str]:
    """`study trials`: the commands of that name within the groups among these."""
    found = []
    for group, (module, attribute, _) in commands.items():
        with suppress(ImportError):  # Of an extra that is not installed.
            what = getattr(import_module(module), attribute)
            if isinstance(what, typer.Typer) and any(one.name == typed for one in what.registered_commands):
                found.append(f"{group} {typed}")
    return found


def _command(name: str, what: Any, summary: str) -> Any:
    if not isinstance(what, typer.Typer):
        function, what = what, typer.Typer(add_completion=False)
        what.command(name, short_help=summary)(function)
    for one in what.registered_commands:
        one.help = one.help or _flowing(one.callback)
    command = typer.main.get_command(what)
    command.name = name
    return command


def _flowing(function: Any) -> str:
    """A docstring whose paragraphs are one line each, for a terminal of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _stub(name: str, summary: str) -> Any:
    def nothing() -> None: ...

    nothing.__doc__ = summary
    return _command(name, nothing, summary)
