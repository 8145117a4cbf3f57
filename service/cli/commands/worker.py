"""`lrtune worker`."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.commands.study.task_tags import EPOCHS, FOLDS, agreed, task_of
from lrtune.service.cli.error_line import print_error
from lrtune.service.cli.options import Server
from lrtune.service.cli.output import fail, own_command
from lrtune.service.cli.progress import end_fallback
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings only, and show no running trial.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log the start of each trial, too.")] = False,
) -> None:
    """Train a study's trials until its budget is spent.

    On a terminal the running trial is shown, a line a process: its step, loss, pace and the time that is left. The end
    of each trial is a line of the log, on standard error.

    Each trial is leased, trained, reported and finished. SIGTERM or Ctrl-C gives the trial in hand back and
    ends the worker (a second one ends it at once). Three trials that fail in a row end it, too, with exit code 1,
    as does a study that hands out no trial since its last ones all failed; so does a worker all of whose trials failed.
    """
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.http.retry import Retry
    from lrtune.trainers.client.local.connection import is_local
    from lrtune.trainers.worker.loop import exit_code
    from lrtune.trainers.worker.parent_watch import end_with_owner
    from lrtune.trainers.worker.signals import Shutdown, Signals

    try:
        with Signals() as signals:
            end_with_owner()
            with Client(server, retry=Retry(wait_seconds, stopping=signals.stopping)) as client:
                tags = client.study(study).spec.tags
                server = client.server
            if concurrency > 1 and is_local(server):
                fail(f"{server} is for one process: leave --concurrency out, or have `lrtune serve` serve the file")
            logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING if quiet else logging.INFO)
            logging.getLogger("httpx2").setLevel(logging.WARNING)
            if verbose and not quiet:
                logging.getLogger("lrtune.trainers").setLevel(logging.DEBUG)
            if concurrency > 1:
                end_fallback()
                code = _supervise(signals, concurrency, shown=not quiet)
                if code == 1 and not signals.stopping.is_set():
                    _say_why(server, study)
            else:
                train = _train_function(tags, task, folds, epochs)
                end_fallback()
                code = _work(signals, server, retry_seconds, study, train, name, shown=not quiet)
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


def _work(
    signals: "Signals",
    server: str,
    retry_seconds: float,
    study: str,
    train: "Train",
    name: str | None,
    *,
    shown: bool,
) -> int:
    from lrtune.service.sentences.worker import nothing_left
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.worker.loop import work

    with Client(server, retry_seconds=retry_seconds, stopping=signals.stopping) as client:
        handle = client.study(study)
        worker = name and f"{name}:{os.getpid()}"
        trained = work(handle, train, signals=signals, worker=worker, progress=shown)
    why = handle.ended.explanation if handle.ended is not None else ""
    logging.getLogger("lrtune.trainers").info("%s", nothing_left(study, trained, why))
    return 0


def _say_why(server: str, study: str) -> None:
    """One line of why worker processes ended in an error, after all that they have written themselves."""
    from lrtune.service.sentences.failures import error_line
    from lrtune.service.sentences.worker import ended_in_error
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.errors import LrtuneError

    try:
        with Client(server, retry_seconds=FIRST_CONTACT_SECONDS) as client:
            halted = client.status(study).halted
            latest = next(client.trials(study, state="failed", newest=True, page=1), None)
    except LrtuneError as error:
        print_error(str(error))
        return
    print_error(ended_in_error(study, error_line(latest.error or "") if latest else "", halted))


def _supervise(signals: "Signals", count: int, *, shown: bool) -> int:
    """The same command line, `count` times with one process each; on a terminal this one shows what they do."""
    from lrtune.trainers.progress.screen import shared_screen
    from lrtune.trainers.worker.relay import Relay
    from lrtune.trainers.worker.supervisor import Supervisor

    command = [*own_command(), *sys.argv[1:], "--concurrency", "1"]
    screen = shared_screen() if shown else None
    relay = None if screen is None else Relay(screen, sys.stdout, sys.stderr)
    with Supervisor(command, count, start=None if relay is None else relay.start) as supervisor:
        signals.at_once.append(supervisor.kill)
        code = supervisor.wait(signals.stopping)
    if relay is not None:
        relay.finish()
    return code
