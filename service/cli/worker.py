"""`lrtune worker`."""

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Server, own_command

if TYPE_CHECKING:
    from trainers.shutdown import Signals
    from trainers.worker import Train

FIRST_CONTACT_SECONDS = 5.0
"""For a service that is just starting; once it has been seen, `--retry-seconds` holds."""


def worker(
    study: Annotated[str, typer.Option(envvar="LRTUNE_STUDY", help="Study to train for.")],
    task: Annotated[
        str,
        typer.Option(
            envvar="LRTUNE_TASK",
            help="What trains: module:function or path/to/script.py:function, called with a leased trial.",
        ),
    ],
    server: Server = None,
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
    ends the worker (a second one ends it at once). A token is read from LRTUNE_TOKEN.
    """
    from trainers.client import Client
    from trainers.ownership import end_with_owner
    from trainers.retry import Retry
    from trainers.shutdown import Shutdown, Signals
    from trainers.task_functions import load_task
    from trainers.worker import exit_code

    try:
        with Signals() as signals:
            end_with_owner()
            with Client(server, retry=Retry(wait_seconds, stopping=signals.stopping)) as client:
                client.study(study)
                server = client.server
            logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING if quiet else logging.INFO)
            logging.getLogger("httpx2").setLevel(logging.WARNING)
            if concurrency > 1:
                code = _supervise(signals, concurrency)
            else:
                train = load_task(task)
                code = _work(signals, server, retry_seconds, study, train, name)
            signals.check()
    except Shutdown as shutdown:
        code = exit_code(shutdown)
    raise typer.Exit(code)


def _work(signals: "Signals", server: str, retry_seconds: float, study: str, train: "Train", name: str | None) -> int:
    from trainers.client import Client
    from trainers.worker import work

    with Client(server, retry_seconds=retry_seconds, stopping=signals.stopping) as client:
        trained = work(client.study(study), train, signals=signals, worker=name and f"{name}:{os.getpid()}")
    logging.getLogger("trainers").info("study %s has nothing left to train; %d trials trained here", study, trained)
    return 0


def _supervise(signals: "Signals", count: int) -> int:
    """The same command line, `count` times with one process each."""
    from trainers.supervisor import Supervisor

    command = [*own_command(), *sys.argv[1:], "--concurrency", "1"]
    with Supervisor(command, count) as supervisor:
        signals.at_once.append(supervisor.kill)
        return supervisor.wait(signals.stopping)
