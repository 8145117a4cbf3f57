"""What the benchmarks' commands share: options, progress, errors of one line, tables in Markdown."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from lrtune.trainers.worker.signals import Shutdown, Signals
from tests.benchmarks.processes import BenchError

Databases = Literal["sqlite", "postgresql", "both"]
Quick = Annotated[bool, typer.Option("--quick", help="The short form, which shows that it runs; judges nothing.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Processes.")]
Data = Annotated[Path, typer.Option("--data", exists=True, file_okay=False, help="The folder of the learning curves.")]
"""A folder with `deepobs/`, `lcbench-lr/`, `lcbench/`, `taskset/` and `small-trainings.npz`."""


def kinds_of(given: Databases) -> tuple[str, ...]:
    """The databases that `--storage` names."""
    return ("sqlite", "postgresql") if given == "both" else (given,)


def say(line: str) -> None:
    """Progress, on standard error."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(line, style="dim", markup=False, soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on standard error, and the exit code."""
    print(f"bench: {' '.join(message.split())}", file=sys.stderr)
    raise typer.Exit(code)


@contextlib.contextmanager
def measuring() -> Iterator[None]:
    """A BenchError within the block is one line; a signal ends the block, and the command with 128 + its number."""
    try:
        with Signals() as signals, signals.interrupting():
            yield
    except Shutdown as shutdown:
        fail("stopped before the end", 128 + shutdown.signal_number)
    except BenchError as error:
        fail(str(error))


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as the pages of docs/ have it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def short(value: float, digits: int = 3) -> str:
    """A share or a regret below 1 without its leading zero: `.125`, `1.000`."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if value >= 0 else "-" + text[1:].removeprefix("0")
