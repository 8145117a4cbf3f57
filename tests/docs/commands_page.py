"""The page docs/reference/commands.md, which is made of what `--help` says.

    python -m tests.docs.commands_page

writes it anew.
"""

import re
from collections.abc import Iterator
from typing import Any

import typer

from lrtune.service.cli.main import app
from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "commands.md"
COMMAND = "python -m tests.docs.commands_page"

_HEAD = """# Commands

Every command of `lrtune`, as its `--help` describes it; each takes `--help`, and `lrtune --version` prints the version.
An error is one line on standard error, and an exit code that is not 0; a wrong call is told with its usage. `--server`
is left out where `LRTUNE_SERVER` names the service; where a token is looked for: [tokens](tokens.md). How `--storage`
names a database: [the database](../how-to/database.md).

`lrtune --install-completion` has the shell complete commands, options, their values, and the names of studies that the
service has, or the file that `--server local:FILE` names: bash, zsh, fish and PowerShell, from the next one that is
started. `lrtune --show-completion` prints what it installs. Studies of a service that does not answer are not offered.
"""


def page() -> str:
    """The page as it should be."""
    return _HEAD + "".join(_section(name, command) for name, command in commands(typer.main.get_command(app), "lrtune"))


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All commands below `group` that do something, by what one types; a group of commands comes before its own."""
    context = group.context_class(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        yield f"{path} {name}", command
        if hasattr(command, "list_commands"):
            yield from commands(command, f"{path} {name}")


def _section(name: str, command: Any) -> str:
    depth = "##" if name.count(" ") == 1 else "###"
    context = command.context_class(command, info_name=name)
    lines = ["", f"{depth} {name}", ""]
    if not hasattr(command, "list_commands"):
        lines += ["```text", " ".join([name, *command.collect_usage_pieces(context)]), "```", ""]
    lines.append(_help(command.help or ""))
    rows = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if rows:
        lines += [
            "",
            "| | |",
            "|---|---|",
            *(f"| `{_cell(typed)}` | {_escaped(_cell(said))} |" for typed, said in rows),
        ]
    return "\n".join(lines) + "\n"


def _help(text: str) -> str:
    """A command's help, its examples in code."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\b", "").strip())
    return "\n\n".join(_paragraph(" ".join(paragraph.split())) for paragraph in paragraphs)


def _paragraph(text: str) -> str:
    example = re.fullmatch(r"Example: (lrtune .*)", text)
    return f"Example: `{example[1]}`" if example else _escaped(text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text in which nothing but code is markup."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _literal(part) for part in parts)


def _literal(text: str) -> str:
    return re.sub(r"\*|(?<=\])\[", r"\\\g<0>", text).replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page())
