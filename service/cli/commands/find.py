"""`lrtune find`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.commands.range_test_view import as_json, draw, print_answer
from lrtune.service.cli.completion import OPTIMIZERS, among, study_names
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, print_json, print_table
from lrtune.service.cli.sweep_progress import SweepProgress
from lrtune.trainers.tasks.catalogue import CATALOGUE

if TYPE_CHECKING:
    from lrtune.trainers.range_test.result import RangeTest

DEFAULT_OPTIMIZER = "adam"

_OF_A_RUN = ("seeds", "low", "high", "steps", "accumulate", "precision", "device", "clip_norm")
"""Options of a test that is run here."""


def _list_optimizers(wanted: bool) -> None:
    if wanted:
        from lrtune.trainers.optimizers.build import OPTIMIZERS

        print_table(("optimizer", ""), OPTIMIZERS.items())
        raise typer.Exit


def find(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Option(
            help="A built-in task (digits, digits-cnn, …), or module:function or path/to/script.py:function that "
            "returns (model, optimizer, batches, loss_function).",
            autocompletion=among(*CATALOGUE),
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Read a range test that was made elsewhere, in place of running one: a CSV file with the columns "
            "learning_rate and loss, or JSON lines.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            show_default=DEFAULT_OPTIMIZER,
            help="A built-in task's optimizer; see --optimizers.",
            autocompletion=among(*OPTIMIZERS),
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="A built-in task's batch size.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Range tests, each with other weights and order.")] = 3,
    low: Annotated[float, typer.Option(help="The first rate.")] = 1e-7,
    high: Annotated[float, typer.Option(help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Optimizer steps from the first rate to the last.")] = 100,
    accumulate: Annotated[int, typer.Option(help="Micro-batches an optimizer step.")] = 1,
    precision: Annotated[
        str, typer.Option(help="fp32, bf16 or fp16.", autocompletion=among("fp32", "bf16", "fp16"))
    ] = "fp32",
    device: Annotated[
        str,
        typer.Option(
            help="Where a built-in task runs: cpu, cuda, mps or auto.",
            autocompletion=among("cpu", "cuda", "mps", "auto"),
        ),
    ] = "cpu",
    clip_norm: Annotated[float | None, typer.Option(help="Clip gradients to this norm.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve, with the answers marked, into this PNG.")] = None,
    study: Annotated[
        str | None, typer.Option(help="Keep the range test with this study of a service.", autocompletion=study_names)
    ] = None,
    server: Server = None,
    json: Json = False,
    _optimizers: Annotated[
        bool, typer.Option("--optimizers", is_eager=True, callback=_list_optimizers, help="List the optimizers.")
    ] = False,
) -> None:
    """Find a learning rate with a range test: raise the rate at every step and look at the loss.

    Takes seconds, and is a bracket rather than an answer: search around the recommended rate, which is the last line.
    A range test kept with a study (--study) is where its search begins.

    Example: lrtune find --task digits --optimizer adam --plot find.png

    Example: lrtune find --history curve.csv
    """
    _check_source(context, task, history)
    if task is not None and ":" not in task:
        optimizer = optimizer or DEFAULT_OPTIMIZER
    about = {key: value for key, value in (("optimizer", optimizer), ("batch_size", batch_size)) if value is not None}
    if task is None:
        assert history is not None
        tested, name = _read(history), history.name
    else:
        progress = SweepProgress(sys.stderr, seeds, steps)
        how = {"low": low, "high": high, "steps": steps, "accumulate": accumulate, "precision": precision}
        how |= {"seeds": range(seeds), "clip_norm": clip_norm, "device": device, "on_seed": progress.of_seed}
        with _results_only(progress, to_program=json):
            tested, name = _run(task, params=about, **how), task
    if study is not None:
        _keep(tested, study, server, **about)
    title = ", ".join([name, *(f"{key.replace('_', ' ')} {value}" for key, value in about.items())])
    if plot is not None:
        draw(tested, plot, title)
    if json:
        print_json(as_json(tested))
    else:
        print_answer(tested, title, plot=plot, study=study, made_elsewhere=task is None)


def _check_source(context: typer.Context, task: str | None, history: Path | None) -> None:
    """Ends the command where not exactly one of both is given, or options of the other."""
    if task is None and history is None:
        fail("say what is tested: --task with a built-in task or module:function, or --history with a file", code=2)
    if history is None:
        return
    if task is not None:
        fail(f"--task {task} is run, and --history {history} read: leave one of them out", code=2)
    for name in _OF_A_RUN:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            fail(f"--{name.replace('_', '-')} is of a test that is run: leave it out with --history", code=2)


def _read(history: Path) -> "RangeTest":
    from lrtune.trainers.range_test.history import read_history

    return read_history(history)


def _run(task: str, **how: Any) -> "RangeTest":
    from lrtune.trainers.range_test.by_name import find

    return find(task, **how)


@contextmanager
def _results_only(progress: SweepProgress, *, to_program: bool) -> Iterator[None]:
    """Ends the progress with the block. What a person's own model prints goes to standard error, where standard output
    is read by a program."""
    try:
        if to_program:
            with redirect_stdout(sys.stderr):
                yield
        else:
            yield
    finally:
        progress.end()


def _keep(tested: "RangeTest", study: str, server: str | None, **about: Any) -> None:
    with connect(server) as client:
        client.add_range_test(study, tested.learning_rates, tested.losses, **about)
