"""`lrtune worker`."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.commands.study.task_tags import EPOCHS, FOLDS, agreed, task_of
from lrtune.service.cli.options import Server
from lrtune.service.cli.output import own_command
from lrtune.trainers.tasks.catalogue import CATALOGUE

if TYPE_CHECKING:
    from lrtune.trainers.worker.loop import Train
    from lrtune.trainers.worker.signals import Signals

TASK_HELP = (
    "What trains: module:function or path/to/script.py:function, called with a leased trial; or a built-in task: "
    f"{', '.join(CATALOGUE)}."
)
FIRST_CONTACT_SECONDS = 5.0
"""For a service that is just starting; once it has been seen, `--retry-seconds` holds."""


def worker(
    study: Annotated[str, typer.Option(envvar="LRTUNE_STUDY", help="Study to train for.")],
    task: Annotated[
        str | None,
        typer.Option(envvar="LRTUNE_TASK", help=TASK_HELP, show_default="the study's, if it names a built-in one"),
    ] = None,
    server: Server = None,
    folds: Annotated[
        int | None,
        typer.Option(
            envvar="LRTUNE_FOLDS",
            min=2,
            help="Cross-validate: train on each fold and report it as a step; the result is the mean. For built-in "
            "tasks, and for module:object with a fit() like theirs.",
            show_default="the study's, if it names some",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="With --folds: length of the training on each.", show_default="the study's or task's"),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(envvar="LRTUNE_CONCURRENCY", min=1, max=256, help="Worker processes.")
    ] = 1,
    retry_seconds: Annotated[
        float,
        typer.Option(envvar="LRTUNE_RETRY_SECONDS", min=0, help="How long a service that has gone away is waited for."),
    ] = 300.0,
    wait_seconds: Annotated[
        float,
        typer.Option(
            envvar="LRTUNE_WAIT_SECONDS",
            min=0,
            help="How long to wait, at the start, for the service to answer.",
        ),
    ] = FIRST_CONTACT_SECONDS,
    name: Annotated[
        str | None,
        typer.Option(envvar="LRTUNE_WORKER", help="Shown beside the trials, with the process id.", show_default="host"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings only.")] = False,
) -> None:
    """Train a study's trials until its budget is spent.

    Each trial is leased, trained, reported and finished. SIGTERM or Ctrl-C gives the trial in hand back and
    ends the worker (a second one ends it at once). Three trials that fail in a row end it, too.
    """
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.retry import Retry
    from lrtune.trainers.worker.loop import exit_code
    from lrtune.trainers.worker.parent_watch import end_with_owner
    from lrtune.trainers.worker.signals import Shutdown, Signals

    try:
        with Signals() as signals:
            end_with_owner()
            with Client(server, retry=Retry(wait_seconds, stopping=signals.stopping)) as client:
                tags = client.study(study).spec.tags
                server = client.server
            logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING if quiet else logging.INFO)
            logging.getLogger("httpx2").setLevel(logging.WARNING)
            if concurrency > 1:
                code = _supervise(signals, concurrency)
            else:
                train = _train_function(tags, task, folds, epochs)
                code = _work(signals, server, retry_seconds, study, train, name)
            signals.check()
    except Shutdown as shutdown:
        code = exit_code(shutdown)
    raise typer.Exit(code)


def _train_function(tags: Mapping[str, str], task: str | None, folds: int | None, epochs: int | None) -> "Train":
    from lrtune.trainers.errors import TaskError
    from lrtune.trainers.tasks.cross_validation import over_folds
    from lrtune.trainers.tasks.loader import load_task, load_whole_task

    task, folds, epochs = task_of(tags, task), agreed(tags, FOLDS, folds), agreed(tags, EPOCHS, epochs)
    if folds is not None:
        return over_folds(load_whole_task(task), folds, epochs=epochs)
    if epochs is not None:
        raise TaskError("--epochs goes with --folds: otherwise the study's max_steps is the length of a training")
    return load_task(task)


def _work(signals: "Signals", server: str, retry_seconds: float, study: str, train: "Train", name: str | None) -> int:
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.worker.loop import work

    with Client(server, retry_seconds=retry_seconds, stopping=signals.stopping) as client:
        trained = work(client.study(study), train, signals=signals, worker=name and f"{name}:{os.getpid()}")
    logging.getLogger("lrtune.trainers").info(
        "study %s has nothing left to train; %d trials trained here", study, trained
    )
    return 0


def _supervise(signals: "Signals", count: int) -> int:
    """The same command line, `count` times with one process each."""
    from lrtune.trainers.worker.supervisor import Supervisor

    command = [*own_command(), *sys.argv[1:], "--concurrency", "1"]
    with Supervisor(command, count) as supervisor:
        signals.at_once.append(supervisor.kill)
        return supervisor.wait(signals.stopping)
