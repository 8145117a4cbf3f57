"""How many workers a study has work for."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from lrtune.service.wire.studies import Study, StudyStatus
from lrtune.trainers.client.client import Client
from lrtune.trainers.errors import ServiceUnreachable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demand:
    """What a study wants, as it is now."""

    workers: int | None
    """That could each have a trial; None where no budget says how many."""
    finished: bool = False
    halted: str | None = None
    """Why it hands out no trial, where that is since its trials keep failing."""
    busy: Callable[[], frozenset[str]] = field(default=frozenset, repr=False)
    """Asks for the workers with a trial, by name without their process ids."""


class Demands(Protocol):
    """Where a fleet reads what its study wants."""

    def now(self) -> Demand | None:
        """None where the service does not say, being away for a moment."""


class StudyDemands:
    """The demands of a study of a service."""

    def __init__(self, client: Client, study: str) -> None:
        self._client = client
        self._study = study
        self._away = False

    def now(self) -> Demand | None:
        """Two small requests."""
        try:
            spec, status = self._client.study(self._study).spec, self._client.status(self._study)
        except ServiceUnreachable as error:
            if not self._away:
                logger.warning("%s; until it answers the fleet stays as it is", error)
            self._away = True
            return None
        self._away = False
        return Demand(wanted(spec, status), status.state == "finished", status.halted, self._busy)

    def _busy(self) -> frozenset[str]:
        try:
            running = [trial.worker for trial in self._client.trials(self._study, state="running")]
        except ServiceUnreachable:
            return frozenset()
        return frozenset(worker.rpartition(":")[0] or worker for worker in running if worker)


def wanted(study: Study, status: StudyStatus) -> int | None:
    """How many workers could each have a trial; None where the study has no budget of trials or steps.

    What is on lease or waits is counted, since it may need a worker again; of a paused study, what is on lease alone.
    """
    counts = status.trials
    if status.state == "finished":
        return 0
    if status.state == "paused":
        return counts.running
    left: list[int] = []
    if study.max_trials is not None:
        ended = counts.complete + counts.pruned + counts.diverged
        left.append(study.max_trials - ended - (counts.failed if study.failed_counts else 0))
    if study.max_total_steps is not None and study.max_steps is not None:
        left.append(ceil((study.max_total_steps - status.steps.trained) / study.max_steps))
    return max(1, counts.running + counts.waiting, min(left)) if left else None
