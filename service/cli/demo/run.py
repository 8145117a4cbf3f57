"""The course of the demo: serve, create, train, watch, show."""

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from lrtune.service.cli.demo.processes import last_line, running_service, running_workers, storage_url
from lrtune.service.cli.demo.retrain import retrain, verdict
from lrtune.service.cli.demo.view import View, finished
from lrtune.service.cli.output import print_table
from lrtune.service.cli.progress import alive
from lrtune.service.sentences.pictures import counted
from lrtune.service.wire.as_text import number, params_text, suggestion_line, suggestion_reasons
from lrtune.service.wire.studies import StudyStatus, Suggestion
from lrtune.service.wire.trials import Trial
from lrtune.trainers.client.client import Client
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.tasks.catalogue import DIGITS as SEARCH_SPACE
from lrtune.trainers.worker.signals import Signals
from lrtune.trainers.worker.supervisor import Supervisor

METRIC = "validation cross-entropy"
PICTURE = "loss-by-learning-rate.png"
LOOK_EVERY_SECONDS = 0.25
BEST_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """What the demo is to do."""

    trials: int
    workers: int
    epochs: int
    folder: Path
    seed: int = 0
    keep: bool = False
    check: bool = False


def run(plan: Plan, signals: Signals) -> None:
    """The whole demo. Every process has ended when this returns or raises."""
    console = Console()
    console.print("starting the service …", highlight=False)
    with running_service(plan.folder, signals) as address, _client(address, signals) as client:
        name = f"digits-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        client.create_study(
            name,
            search_space=SEARCH_SPACE,
            sampler={"name": "auto", "seed": plan.seed},
            metric=METRIC,
            max_trials=plan.trials,
            max_steps=plan.epochs,
            description="A small network on scikit-learn's digits.",
            tags={"family": "mlp", "data": "digits"},
        )
        console.print(f"study {name} at {address}", highlight=False)
        with running_workers(address, name, plan.workers, plan.folder, signals) as workers:
            status = _watch(client, name, plan, workers, signals, console)
        _show_best(list(client.trials(name)))
        with alive("drawing the picture"):
            suggestion = client.suggestion(name)
            picture = _draw(client, name, plan.folder)
        if plan.check:
            with alive("training the suggestion and the usual rates on other seeds"):
                _check(suggestion, plan.epochs, signals)
        _show_end(plan, status, suggestion, picture, address)
        if plan.keep:
            signals.stopping.wait()


def _client(address: str, signals: Signals) -> Client:
    return Client(address, retry_seconds=10.0, stopping=signals.stopping)


def _watch(
    client: Client, name: str, plan: Plan, workers: Supervisor, signals: Signals, console: Console
) -> StudyStatus:
    """Shows the progress until every trial has an outcome."""
    with View(console, f"Tuning {', '.join(SEARCH_SPACE)} on digits", plan.trials) as view:
        while True:
            alive = workers.look()
            status = client.status(name)
            view.show(status, list(client.trials(name, state="running")))
            if finished(status) >= plan.trials:
                return status
            if not alive:
                why = last_line(plan.folder / "workers.log")
                raise LrtuneError(f"the workers ended after {finished(status)} trials: {why}")
            signals.stopping.wait(LOOK_EVERY_SECONDS)
            signals.check()


def _show_best(trials: Sequence[Trial]) -> None:
    ranked = sorted(
        (trial for trial in trials if trial.state == "complete" and trial.value is not None),
        key=lambda trial: trial.value if trial.value is not None else math.inf,
    )
    print_table(
        ("rank", "trial", METRIC, "parameters"),
        (
            (rank, trial.number, number(trial.value, 4), params_text(trial.params))
            for rank, trial in enumerate(ranked[:BEST_SHOWN], 1)
        ),
        title="The best trials",
    )


def _draw(client: Client, name: str, folder: Path) -> Path:
    from lrtune.service.cli.pictures import save
    from lrtune.service.pictures.rate.response import response_picture

    picture = response_picture(client.response(name), title=f"{name}, a small network on digits")
    save(picture, folder / PICTURE)
    return folder / PICTURE


def _check(suggestion: Suggestion, epochs: int, signals: Signals) -> None:
    from lrtune.trainers.tasks.builtin.digits import fit

    if suggestion.learning_rate is None:
        raise LrtuneError("there is no suggested learning rate to check")

    def train(params: Mapping[str, Any], epochs: int, seed: int) -> float:
        signals.check()
        return fit(params, epochs, seed)

    results = retrain(suggestion.params, suggestion.learning_rate, train, epochs=epochs)
    others = {key: value for key, value in suggestion.params.items() if key != "learning_rate"}
    print_table(
        ("setting", "learning rate", f"{METRIC}, mean ± sd", "by seed"),
        (result.row() for result in results),
        title=f"Retrained on {len(results[0].losses)} seeds with {params_text(others)}",
    )
    print(verdict(results))


def _show_end(plan: Plan, status: StudyStatus, suggestion: Suggestion, picture: Path, address: str) -> None:
    counts = status.trials.model_dump()
    print(counted(counts, counts))
    for line in suggestion_reasons(suggestion):
        print(line)
    print(f"picture: {picture}")
    if plan.keep:
        print(f"service: {address} (Ctrl-C ends it)")
    else:
        again = f"lrtune serve --storage {shlex.quote(storage_url(plan.folder))}"
        print(f"service: {address} (ended now; again with: {again})")
    print(
        suggestion_line(suggestion),
        flush=True,
    )
