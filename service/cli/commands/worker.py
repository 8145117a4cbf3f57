"""`lrtune worker`."""

import logging
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.commands.checkpoints import Checkpoints, use_checkpoints
from lrtune.service.cli.commands.programs import check_without_program, program_of, single_process
from lrtune.service.cli.commands.study.task_tags import EPOCHS, FOLDS, agreed, task_of
from lrtune.service.cli.commands.worker_processes import FIRST_CONTACT_SECONDS, say_why, supervise
from lrtune.service.cli.commands.worker_ranks import Named, check_of_ranks, train_together
from lrtune.service.cli.completion import among, study_names
from lrtune.service.cli.log import own_log
from lrtune.service.cli.options import Server
from lrtune.service.cli.output import fail
from lrtune.service.cli.progress import end_fallback
from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.worker.grace import GRACE_SECONDS, LEAVING_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrtune.service.wire.studies import Study
    from lrtune.trainers.programs.program import Options
    from lrtune.trainers.tracking.tracker import Tracker
    from lrtune.trainers.worker.loop import Train
    from lrtune.trainers.worker.signals import Signals

TASK_HELP = (
    "What trains: module:function or path/to/script.py:function, called with a leased trial; or a built-in task: "
    f"{', '.join(CATALOGUE)}."
)
app = typer.Typer(add_completion=False)


@app.command("worker", context_settings={"allow_interspersed_args": False})  # What follows a program is its own.
def worker(
    program: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- PROGRAM ARGUMENTS…]",
            help="What trains, in place of a task: a program in any language, run once a trial without a shell. "
            "{learning_rate}, any other parameter's name, {max_steps}, {trial}, {attempt} and {study} are filled in.",
            show_default=False,
        ),
    ] = None,
    *,
    study: Annotated[str, typer.Option(envvar="LRTUNE_STUDY", help="Study to train for.", autocompletion=study_names)],
    task: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_TASK",
            help=TASK_HELP,
            show_default="the study's, if it names a built-in one",
            autocompletion=among(*CATALOGUE),
        ),
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
        typer.Option(
            envvar="LRTUNE_RETRY_SECONDS",
            min=0,
            help="How long a service that has gone away is waited for, between trials and at a trial's end.",
        ),
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
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Of a program: a regular expression for lines with a loss, with a group named value and perhaps one "
            "named step: 'epoch (?P<step>[0-9]+) loss (?P<value>.+)'.",
            show_default="lines of JSON",
        ),
    ] = None,
    first_step: Annotated[
        int, typer.Option(min=0, max=1, help="Of a program: what it calls its first step. 0: one is added.")
    ] = 1,
    resumable: Annotated[
        bool, typer.Option("--resumable", help="Of a program: it goes on from {resume_uri}, and reports checkpoints.")
    ] = False,
    anneals: Annotated[bool, typer.Option("--anneals", help="Of a program: its schedule ends at {max_steps}.")] = False,
    grace_seconds: Annotated[
        float,
        typer.Option(
            envvar="LRTUNE_GRACE_SECONDS",
            min=0,
            max=3600,
            help="After SIGTERM: time for a program to end, before SIGKILL, and for a task that heeds it to write a "
            "checkpoint; then the trial is given back.",
        ),
    ] = GRACE_SECONDS,
    trial_timeout_seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Of a program: its time for a trial, which fails then.", show_default="no limit"),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LRTUNE_TRACK",
            metavar="TRACKER[:PLACE]",
            help="Mirror each trial as it trains: mlflow:URI, tensorboard:FOLDER, wandb:PROJECT; may be given again.",
            show_default=False,
        ),
    ] = None,
    keep_checkpoints: Annotated[
        bool,
        typer.Option(
            "--keep-checkpoints",
            envvar="LRTUNE_KEEP_CHECKPOINTS",
            help="Leave the checkpoints of trials that are over; else only the best trial's last one stays.",
        ),
    ] = False,
    checkpoints: Checkpoints = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Log warnings only; show no running trial and no program's output.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log the start of each trial, too.")] = False,
) -> None:
    """Train a study's trials until its budget is spent.

    On a terminal the running trial is shown, a line a process: its step, loss, pace and the time that is left. The end
    of each trial is a line of the log, on standard error.

    Each trial is leased, trained, reported and finished. SIGTERM, SIGUSR1 or Ctrl-C gives the trial in hand back and
    ends the worker (a second one ends it at once). Three trials that fail in a row end it, too, with exit code 1,
    as does a study that hands out no trial since its last ones all failed; so does a worker all of whose trials failed.

    What trains is a task, or a program: `lrtune worker --study NAME -- ./train.sh --lr {learning_rate}`. The losses
    of a program are read from what it prints, or it calls `lrtune report`; SIGTERM ends one whose training is over.

    Where several processes are to train each trial together, torchrun starts it: `torchrun --nproc-per-node 4
    --no-python lrtune worker --study NAME --task train.py:train`.
    """
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.http.retry import Retry
    from lrtune.trainers.client.local.connection import is_local
    from lrtune.trainers.distributed.ranks import ranks_here
    from lrtune.trainers.integrations.trackers.named import trackers_named
    from lrtune.trainers.programs.program import Options
    from lrtune.trainers.worker.loop import exit_code
    from lrtune.trainers.worker.parent_watch import end_with_owner
    from lrtune.trainers.worker.signals import Shutdown, Signals

    if checkpoints is not None:
        use_checkpoints(checkpoints, task_trains=not program)
    options = Options(pattern, first_step, resumable, anneals, grace_seconds, trial_timeout_seconds, quiet)
    try:
        with Signals(grace_seconds) as signals, ExitStack() as ends:
            end_with_owner()
            ranks = ranks_here()
            if ranks.count > 1:
                several = {"folds": folds, "epochs": epochs, "concurrency": concurrency if concurrency > 1 else None}
                task = check_of_ranks(ranks, program, task, **several)
                check_without_program(options)
                loudness = {"quiet": quiet, "verbose": verbose, "keep_checkpoints": keep_checkpoints}
                waits = wait_seconds, retry_seconds
                named = Named(task, study, server, name, track or ())
                raise typer.Exit(train_together(ranks, named, signals, ends, waits, **loudness))
            with Client(server, retry=Retry(wait_seconds, stopping=signals.stopping)) as client:
                spec = client.study(study).spec
                server = client.server
            if concurrency > 1 and is_local(server):
                fail(f"{server} is for one process: leave --concurrency out, or have `lrtune serve` serve the file")
            level = logging.WARNING if quiet else logging.INFO
            ends.enter_context(own_log(level, of_trainers=logging.DEBUG if verbose and not quiet else None))
            trackers = trackers_named(track or ())  # Here, too, for several: a wrong one is told of once.
            if concurrency > 1:
                end_fallback()
                grace = grace_seconds + LEAVING_SECONDS
                code = supervise(signals, single_process(program or ()), concurrency, grace, shown=not quiet)
                if code == 1 and not signals.stopping.is_set():
                    say_why(server, study)
            else:
                train = _train_function(spec, program, options, task, folds, epochs, signals, ends)
                end_fallback()
                how = {"keep_checkpoints": keep_checkpoints, "progress": not quiet}
                code = _work(signals, server, retry_seconds, study, train, name, trackers, **how)
            signals.check()
    except Shutdown as shutdown:
        code = exit_code(shutdown)
    raise typer.Exit(code)


def _train_function(
    spec: "Study",
    program: list[str] | None,
    options: "Options",
    task: str | None,
    folds: int | None,
    epochs: int | None,
    signals: "Signals",
    ends: ExitStack,
) -> "Train":
    from lrtune.trainers.errors import TaskError
    from lrtune.trainers.tasks.cross_validation import over_folds
    from lrtune.trainers.tasks.loader import load_task, load_whole_task

    if program:
        if folds is not None or epochs is not None:
            raise TaskError("--folds and --epochs go with a task: a program cuts its data itself")
        return program_of(program, spec, options, signals, ends, task)
    check_without_program(options)
    tags = spec.tags
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
    trackers: "Sequence[Tracker]",
    **how: bool,
) -> int:
    from lrtune.service.sentences.worker import nothing_left
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.worker.loop import work

    with Client(server, retry_seconds=retry_seconds, stopping=signals.stopping) as client:
        handle = client.study(study)
        worker = name and f"{name}:{os.getpid()}"
        with handle.tracking(*trackers):
            trained = work(handle, train, signals=signals, worker=worker, **how)
    why = handle.ended.explanation if handle.ended is not None else ""
    logging.getLogger("lrtune.trainers").info("%s", nothing_left(study, trained, why))
    return 0
