"""`lrtune worker`, started by torchrun: one worker of several processes, all of which train each trial together."""

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrtune.service.cli.log import own_log
from lrtune.service.cli.progress import end_fallback

if TYPE_CHECKING:
    from lrtune.trainers.client.study import StudyHandle
    from lrtune.trainers.distributed.ranks import Ranks
    from lrtune.trainers.worker.signals import Signals


@dataclass(frozen=True)
class Named:
    """What a command line names: a task, the study, its server, the worker, trackers."""

    task: str
    study: str
    server: str | None
    worker: str | None
    trackers: Sequence[str]


def check_of_ranks(ranks: "Ranks", program: Sequence[str] | None, task: str | None, **others: int | None) -> str:
    """The task. Raises TaskError for what does not go with several ranks."""
    from lrtune.trainers.errors import TaskError

    of = f"of {ranks.count} ranks"
    if program:
        raise TaskError(
            f"this worker is one {of}, each of which would run {program[0]}: start one worker, with torchrun in its "
            f"program, as in `lrtune worker --study NAME -- torchrun {program[0]} …`"
        )
    for name, value in others.items():
        if value is not None:
            raise TaskError(f"--{name} is for a worker of one process, and this is one {of}: leave it out")
    if task is None:
        raise TaskError(f"this worker is one {of}, the first of which alone asks the service: add --task")
    return task


def train_together(
    ranks: "Ranks",
    named: Named,
    signals: "Signals",
    ends: ExitStack,
    waits: tuple[float, float],
    *,
    quiet: bool,
    verbose: bool,
    keep_checkpoints: bool,
) -> int:
    """Trains the study's trials on all ranks; the exit code. Rank 0 alone talks to the service, and tells of trials.

    `waits`: how many seconds the service is waited for, at the start, and where it has gone away.
    """
    from lrtune.service.sentences.worker import nothing_left
    from lrtune.trainers.tasks.loader import load_task
    from lrtune.trainers.worker.ranked import work_together

    level = logging.INFO if ranks.first and not quiet else logging.WARNING
    ends.enter_context(own_log(level, of_trainers=logging.DEBUG if verbose and not quiet else None))
    train = load_task(named.task)
    end_fallback()
    opened: list[StudyHandle] = []

    def open_study() -> "StudyHandle":
        opened.append(_opened(named, signals, ends, *waits))
        return opened[0]

    trained = work_together(
        open_study,
        train,
        ranks=ranks,
        signals=signals,
        worker=named.worker and f"{named.worker}:{os.getpid()}",
        keep_checkpoints=keep_checkpoints,
        progress=not quiet,
    )
    if opened:
        why = opened[0].ended.explanation if opened[0].ended is not None else ""
        logging.getLogger("lrtune.trainers").info("%s", nothing_left(named.study, trained, why))
    return 0


def _opened(
    named: Named, signals: "Signals", ends: ExitStack, wait_seconds: float, retry_seconds: float
) -> "StudyHandle":
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.http.retry import Retry
    from lrtune.trainers.integrations.trackers.named import trackers_named

    trackers = trackers_named(named.trackers)
    with Client(named.server, retry=Retry(wait_seconds, stopping=signals.stopping)) as first:
        first.study(named.study)
        server = first.server
    client = ends.enter_context(Client(server, retry_seconds=retry_seconds, stopping=signals.stopping))
    handle = client.study(named.study)
    ends.enter_context(handle.tracking(*trackers))
    return handle
