"""A study, as a trainer holds it."""

import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from lrtune.service.wire import trials as wire
from lrtune.service.wire.base import storable_part
from lrtune.service.wire.studies import Study, StudyStatus, Suggestion
from lrtune.trainers.client.bodies import valid
from lrtune.trainers.client.connection import Connection, study_path
from lrtune.trainers.client.lease_calls import LeaseCalls
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.retry import FIRST_WAIT_SECONDS
from lrtune.trainers.errors import ServiceError, ServiceUnreachable, TrialNotOpen

_ANSWER: TypeAdapter[wire.LeasedTrial | wire.NoTrial] = TypeAdapter(wire.LeasedTrial | wire.NoTrial)
DEFAULT_RETRY_AFTER_SECONDS = 5.0


def worker_name() -> str:
    """`host:pid`, for people to read."""
    return f"{socket.gethostname()}:{os.getpid()}"[-200:]


class StudyHandle:
    """One study of a service. `.spec` is what the service said about it when it was opened, or last updated."""

    def __init__(self, connection: Connection, spec: Study) -> None:
        self._connection = connection
        self.spec = spec
        self.name = spec.name

    def __repr__(self) -> str:
        return f"StudyHandle({self.name!r} at {self._connection.server})"

    def leases(
        self,
        worker: str | None = None,
        *,
        anneals: bool = False,
        resumable: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[LeasedTrial]:
        """Leased trials, one at a time, until the budget is spent; open each with `with trial:`.

        `anneals`: this trainer ends its schedule at the trial's own `max_steps`. `resumable`: it writes
        checkpoints and can go on from them. Waits while all that is left is leased out; `stop` ends that.
        """
        stop = stop or threading.Event()
        worker = worker or worker_name()
        while not stop.is_set():
            try:
                answer = self._ask(worker, anneals=anneals, resumable=resumable)
            except (ServiceError, ServiceUnreachable):
                if stop.is_set():
                    return
                raise
            if isinstance(answer, wire.LeasedTrial):
                trial = LeasedTrial(answer, LeaseCalls(self._connection, self.name, answer))
                yield trial
                if trial.outcome is None:
                    trial.release()
                    raise TrialNotOpen(trial.number)
            elif answer.done:
                return
            else:
                stop.wait(max(answer.retry_after_seconds or DEFAULT_RETRY_AFTER_SECONDS, FIRST_WAIT_SECONDS))

    def trials(self, worker: str | None = None, **how: Any) -> Iterator[LeasedTrial]:
        """The old name of `leases`; goes with the next release. What Optuna's `study.trials` does is `list` here."""
        warnings.warn(
            "study.trials() leases trials, and will go: call study.leases() for that, or study.list() to list them",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.leases(worker, **how)

    def run(self, train: Callable[[LeasedTrial], Any], **how: Any) -> None:
        """The old name of `lrtune.run(study, train)`; goes with the next release."""
        warnings.warn("study.run(train) will go: call lrtune.run(study, train)", DeprecationWarning, stacklevel=2)
        import_module("lrtune.trainers.worker.loop").run(self, train, **how)  # The worker is above the client.

    def list(self, *, state: wire.TrialState | None = None) -> Sequence[wire.Trial]:
        """All trials of the study (in that state), by number: what is known of each, its curve aside."""
        return list(self._connection.items(wire.TrialPage, f"{study_path(self.name)}/trials", state=state))

    def update(self, **changes: Any) -> Study:
        """Changes the study, and says what it is now: `max_trials` and `max_total_steps` (None for no limit),
        `paused`, `stopped`, `prior`, `short_trainings`, `description`; what is left out stays as it is.

        Raises ServiceError for what cannot be changed.
        """
        self.spec = self._connection.patch(Study, study_path(self.name), changes)
        return self.spec

    def _ask(self, worker: str, *, anneals: bool, resumable: bool) -> wire.LeasedTrial | wire.NoTrial:
        name = storable_part(worker)
        ask = valid(wire.Ask, worker=name, request_id=str(uuid4()), anneals=anneals, resumable=resumable)
        path = f"{study_path(self.name)}/trials"
        return self._connection.send(lambda answer: _ANSWER.validate_json(answer.content), "POST", path, body=ask)

    def suggestion(self) -> Suggestion:
        """What to train with, on all that is known so far; costs no trial."""
        return self._connection.get(Suggestion, f"{study_path(self.name)}/suggestion")

    def status(self, *, wait_seconds: float | None = None, after: int | None = None) -> StudyStatus:
        """Where the study stands. With both arguments, waits for a version later than `after`."""
        return self._connection.get(
            StudyStatus,
            f"{study_path(self.name)}/status",
            query={"wait_seconds": wait_seconds, "after": after},
            timeout_seconds=None if wait_seconds is None else wait_seconds + 30.0,
        )
