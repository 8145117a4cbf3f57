"""`lrtune demo`: the whole of it in a minute, on real data."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lrtune.service.cli.output import fail


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on serving until Ctrl-C.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Retrain the suggestion on 3 seeds, beside the same setting at 1e-2 and 1e-3."),
    ] = False,
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="Trainings to do.")] = 24,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Length of a full training.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the sampler.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where the database, the picture and the logs go.")] = Path(
        "lrtune-demo"
    ),
) -> None:
    """Tune a small network on scikit-learn's digits: a service, workers, and a suggestion at the end.

    Every run makes a new study in FOLDER/lrtune.db and draws FOLDER/loss-by-learning-rate.png.
    """
    for package in ("uvicorn", "torch", "sklearn", "matplotlib"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    from lrtune.service.cli.demo.run import Plan, run
    from lrtune.trainers.worker.loop import exit_code
    from lrtune.trainers.worker.signals import Shutdown, Signals

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"--folder {folder} cannot be made: {error.strerror}")
    try:
        with Signals() as signals:
            run(Plan(trials, workers, epochs, folder, seed, keep=keep, check=check), signals)
    except Shutdown as shutdown:
        raise typer.Exit(exit_code(shutdown)) from None
