"""A command line with placeholders: `./train.sh --lr {learning_rate} --epochs {max_steps}`."""

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrtune.trainers.errors import TaskError

OF_EVERY_TRIAL = ("max_steps", "trial", "attempt", "study")
OF_RESUMED = ("resume_uri", "resume_step")
"""Placeholders of programs that go on from a checkpoint."""

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][\w.\-]*)\}|[{}]")
_FLAG = re.compile(r"--?[A-Za-z][\w.\-]*")


@dataclass(frozen=True)
class Command:
    """The program and its arguments, each as it was typed."""

    arguments: tuple[str, ...]

    @property
    def program(self) -> str:
        """The program, as it is named to people."""
        return self.arguments[0]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders there are."""
        return frozenset(
            found["name"] for text in self.arguments for found in _PIECE.finditer(text) if found["name"] is not None
        )

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """The command line of one trial.

        A trial need not have every parameter. The argument of one that it lacks is left out, and a flag that stands
        alone before it, too: of `--momentum {momentum}` nothing is left.
        """
        filled: list[str] = []
        for place, text in enumerate(self.arguments):
            wanted = [found["name"] for found in _PIECE.finditer(text) if found["name"] is not None]
            if all(name in values for name in wanted):
                filled.append(_PIECE.sub(lambda found: values[found["name"]] if found["name"] else found[0][0], text))
            elif place > 1 and _PIECE.fullmatch(text) and _FLAG.fullmatch(self.arguments[place - 1]):
                filled.pop()
        return filled


def command_of(arguments: Sequence[str], names: Collection[str]) -> Command:
    """The command, checked: its placeholders are among `names`, and there is such a program.

    Raises TaskError, in one line.
    """
    command = Command(tuple(arguments))
    for text in command.arguments:
        if any(found[0] in "{}" for found in _PIECE.finditer(text)):
            raise TaskError(
                f"a brace in {text!r} belongs to no placeholder: write {{name}} for one, {{{{ and }}}} for braces"
            )
    for name in sorted(command.names - set(names)):
        if name in OF_RESUMED:
            raise TaskError(f"{{{name}}} goes with --resumable: say so, where the program goes on from a checkpoint")
        there = ", ".join(f"{{{known}}}" for known in names)
        raise TaskError(f"there is no placeholder {{{name}}}: use {there}; {{{{ and }}}} for braces")
    if not _PIECE.search(command.program):
        _check_program(command.program)
    return command


def written(value: object) -> str:
    """A parameter's value as an argument: text as it is, all else as in JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _check_program(name: str) -> None:
    if shutil.which(name) is not None:
        return
    path = Path(name)
    if os.sep not in name:
        here = f"write ./{name} for the one here" if path.is_file() else f"give its path from {Path.cwd()}"
        raise TaskError(f"there is no program {name!r} on the PATH: {here}")
    if path.is_dir():
        raise TaskError(f"{name} is a folder: give the path of a program")
    if not path.exists():
        raise TaskError(f"there is no program {name}: give its path from {Path.cwd()}")
    raise TaskError(f"{name} may not be run: chmod +x {name}, or name what runs it, as in `-- sh {name}`")
