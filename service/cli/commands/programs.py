"""The program that a worker runs, as its command line says."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lrtune.service.cli.output import own_command

if TYPE_CHECKING:
    from lrtune.service.wire.studies import Study
    from lrtune.trainers.programs.program import Options, Program
    from lrtune.trainers.worker.signals import Signals

SEPARATOR = "--"


def program_of(
    arguments: Sequence[str], study: "Study", options: "Options", signals: "Signals", ends: ExitStack, task: str | None
) -> "Program":
    """What trains a study's trials by running a command, until `ends` does. Raises TaskError."""
    from lrtune.trainers.errors import TaskError
    from lrtune.trainers.programs.program import Program

    if task is not None:
        raise TaskError(f"both --task {task} and the program {arguments[0]} are to train: leave one of them out")
    program = Program(arguments, study, options)
    ends.callback(program.close)
    signals.at_once.append(program.kill)
    return program


def check_without_program(options: "Options") -> None:
    """Raises TaskError where an option of programs was given, and no program."""
    from lrtune.trainers.errors import TaskError
    from lrtune.trainers.programs.program import Options

    usual = Options(quiet=options.quiet)
    for name in ("pattern", "first_step", "resumable", "anneals", "trial_timeout_seconds"):
        if getattr(options, name) != getattr(usual, name):
            flag = f"--{name.replace('_', '-')}"
            raise TaskError(
                f"{flag} goes with a program, as in `lrtune worker --study NAME {flag} … -- ./train.sh`; "
                "a task says such things itself: @task"
            )


def single_process(program: Sequence[str]) -> list[str]:
    """This command line, with its program, for one worker process."""
    typed = sys.argv[1 : len(sys.argv) - len(program)]
    if typed[-1:] == [SEPARATOR]:
        del typed[-1]
    return [*own_command(), *typed, "--concurrency", "1", *((SEPARATOR, *program) if program else ())]
