"""`lrtune worker`, started by torchrun: one worker of several processes, all of which train each trial together."""

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrtune.trainers.client.study import StudyHandle
    from lrtune.trainers.distributed.ranks import Ranks
    from lrtune.trainers.tracking.tracker import Tracker
    from lrtune.trainers.worker.signals import Signals


def check_of_ranks(ranks: "Ranks", program: Sequence[str] | None, task: str | None, **others: int | None) -> str:
    """The task. Raises TaskError for what does not go with several ranks."""
    from lrtune.trainers.errors import TaskError

    if program:
        raise TaskError(
            f"this worker is one of {ranks.count} ranks, each of which would run {program[0]}: start one worker, with "
            f"torchrun in its program, as in `lrtune worker --study NAME -- torchrun {program[0]} …`"
        )
    for name, value in others.items():
        if value is not None:
            raise TaskError(
                f"--{name} is for a worker of one process, and this is one of {ranks.count} ranks: leave it"
            )
    if task is None:
        raise TaskError(
            f"this worker is one of {ranks.count} ranks, of which the first alone asks the service: add --task"
        )
    return task


def train_together(
    ranks: "Ranks",
    task: str,
    study: str,
    server: str | None,
    signals: "Signals",
    *,
    wait_seconds: float,
    retry_seconds: float,
    name: str | None,
    trackers: "Sequence[Tracker]",
    **how: Any,
) -> int:
    """Trains the study's trials on all ranks; the exit code. Rank 0 alone talks to the service."""
    from lrtune.service.sentences.worker import nothing_left
    from lrtune.trainers.tasks.loader import load_task
    from lrtune.trainers.worker.ranked import work_together

    train = load_task(task)
    opened: list[StudyHandle] = []
    with ExitStack() as ends:

        def open_study() -> "StudyHandle":
            opened.append(_opened(ends, study, server, signals, wait_seconds, retry_seconds, trackers))
            return opened[0]

        worker = name and f"{name}:{os.getpid()}"
        trained = work_together(open_study, train, ranks=ranks, signals=signals, worker=worker, **how)
        if opened:
            why = opened[0].ended.explanation if opened[0].ended is not None else ""
            logging.getLogger("lrtune.trainers").info("%s", nothing_left(study, trained, why))
    return 0


def _opened(
    ends: ExitStack,
    study: str,
    server: str | None,
    signals: "Signals",
    wait_seconds: float,
    retry_seconds: float,
    trackers: "Sequence[Tracker]",
) -> "StudyHandle":
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.http.retry import Retry

    with Client(server, retry=Retry(wait_seconds, stopping=signals.stopping)) as first:
        first.study(study)
        server = first.server
    client = ends.enter_context(Client(server, retry_seconds=retry_seconds, stopping=signals.stopping))
    handle = client.study(study)
    ends.enter_context(handle.tracking(*trackers))
    return handle
