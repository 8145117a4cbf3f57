"""`lrtune report`, for programs that `lrtune worker … -- PROGRAM` runs."""

import os
from typing import Annotated, NoReturn

import typer

from lrtune.service.cli.error_line import print_error

STOP, PAUSE = 3, 4
"""Exit codes of the verdicts that end a training; 0 is `continue`, 1 an error, 2 a command line that cannot be."""

app = typer.Typer(add_completion=False)


@app.command("report", context_settings={"ignore_unknown_options": True})  # So that -0.5 is a loss.
def report(
    step: Annotated[str, typer.Argument(help="How many steps have been trained: 1 after the first.")],
    loss: Annotated[str, typer.Argument(help="The loss after them; nan and inf are losses, too.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="A place from which any worker can go on after this step.")
    ] = None,
) -> None:
    """Report a loss, from a program that a worker runs, and hear whether to go on.

    The verdict is printed: continue, stop or pause, and why. Exit code 0: go on. 3: stop. 4: pause, that is write a
    checkpoint, report it (the same step and loss with --checkpoint), and end. 1: the loss could not be reported.

    Example: lrtune report 3 0.41 || exit
    """
    from lrtune.trainers.programs.calls import REPORTS, call
    from lrtune.trainers.written_numbers import read_written

    path = os.environ.get(REPORTS)
    if not path:
        _fail(f"{REPORTS} is not set: call this in a program that `lrtune worker --study NAME -- PROGRAM` runs")
    at, value = read_written(step), read_written(loss)
    if at is None or not at.is_integer() or at < 0:
        _fail(f"the step {step!r} is no whole number ≥ 0: lrtune report STEP LOSS", code=2)
    if value is None:
        _fail(f"the loss {loss!r} is no number: lrtune report STEP LOSS", code=2)
    try:
        answer = call(path, int(at), value, checkpoint)
    except OSError as error:
        _fail(str(error))
    if "error" in answer:
        _fail(str(answer["error"]))
    verdict, why = str(answer.get("verdict")), str(answer.get("explanation") or "")
    print(f"{verdict}: {why}" if why else verdict)
    raise typer.Exit({"stop": STOP, "pause": PAUSE}.get(verdict, 0))


def _fail(message: str, code: int = 1) -> NoReturn:
    print_error(message)
    raise typer.Exit(code)
