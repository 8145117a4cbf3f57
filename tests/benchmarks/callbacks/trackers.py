"""`bench trackers`: what trackers cost the trainings that they are told of."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Quick, fail, markdown, measuring, say

if TYPE_CHECKING:
    from lrtune import Client, StudyHandle
    from tests.benchmarks.storage.figures import Figure

PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboard", "wandb": "wandb"}
REPORTS = 200
SHORT_TRIALS = 300
"""Of one report each, one after the other."""
STEP_SECONDS = 0.01
"""Of a step that leaves the processor to others, as on a GPU: what is written meanwhile is written beside it."""
_COLUMNS = ("tracker", "with", "without", "ratio", "the end's wait")


def trackers(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Trainings with and without, in turns.")] = 9,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """What does a training of 200 steps of 10 ms that reports each, and do 300 of one step, take longer where a
    tracker is told of them?

    All trackers that are installed: `make frameworks` installs them. Judges nothing. docs/reference/benchmarks.md says
    more.
    """
    there = [name for name, package in PACKAGES.items() if find_spec(package) is not None]
    if not there:
        fail("no tracker is installed: make frameworks", 2)
    with measuring():
        small = {"rounds": 1, "reports": 20, "trials": 10} if quick else {"rounds": rounds}
        figures = list(_figures(there, say=say, **small))
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print(markdown(_COLUMNS, [_line(figure) for figure in figures]))


def _figures(
    names: list[str],
    *,
    rounds: int,
    say: Callable[[str], None],
    reports: int = REPORTS,
    trials: int = SHORT_TRIALS,
) -> Iterator["Figure"]:
    from lrtune import Client
    from tests.end_to_end.conftest import Service
    from tests.support.processes import Programs

    with tempfile.TemporaryDirectory(prefix="lrtune-trackers-") as folder, Programs(Path(folder)) as programs:
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        with Client(service.address) as client:
            for name in names:
                say(f"{name}: {rounds} rounds")
                yield _figure(client, name, Path(folder), rounds, 1, reports)
                yield _figure(client, name, Path(folder), rounds, trials, 1)


def _figure(client: "Client", name: str, folder: Path, rounds: int, trials: int, reports: int) -> "Figure":
    from tests.benchmarks.storage.figures import Check, Figure, Side

    row = name if trials == 1 else f"{name}-short"
    title = f"{name}, {reports} reports" if trials == 1 else f"{name}, {trials} short trials"
    study = client.create_study(row, max_steps=reports, sampler="random", pruner="none")
    tracker = _tracker(name, folder)
    _train(study, tracker, 1, reports)  # What is made with the first.
    told, untold, waited = list[float](), list[float](), list[float]()
    for number in range(rounds):
        for tracked in (True, False) if number % 2 else (False, True):
            trained, ended = _train(study, tracker if tracked else None, trials, reports)
            (told if tracked else untold).append(trained)
            if tracked:
                waited.append(ended)
    sides = Side("with", tuple(told)), Side("without", tuple(untold)), Side("wait at the end", tuple(waited))
    check = Check(sides[0], sides[1], 1.1, at_least=False, judged=False)
    return Figure(row, title, "sqlite", rounds, "s", sides, (check,))


def _train(study: "StudyHandle", tracker: Any, trials: int, reports: int) -> tuple[float, float]:
    """The seconds of so many trainings, and of what the end waits for."""
    with study.tracking(tracker) if tracker is not None else nullcontext():
        began = time.perf_counter()
        for trial in islice(study.leases(), trials):
            with trial:
                for step in range(1, reports + 1):
                    time.sleep(STEP_SECONDS)
                    trial.report(step, 1.0 / step)
        trained = time.perf_counter() - began
        ended = time.perf_counter()
    return trained, time.perf_counter() - ended


def _tracker(name: str, folder: Path) -> Any:
    if name == "mlflow":
        from lrtune.mlflow import Tracker as MLflow

        return MLflow(f"sqlite:///{folder}/mlflow.db")
    if name == "tensorboard":
        from lrtune.tensorboard import Tracker as TensorBoard

        return TensorBoard(folder / "runs")
    from lrtune.wandb import Tracker as Wandb

    return Wandb(mode="offline", folder=folder)


def _line(figure: "Figure") -> tuple[str, ...]:
    told, untold, waited = (f"{1000 * side.median:.0f} ms" for side in figure.sides)
    return (figure.title, told, untold, figure.checks[0].text, waited)
