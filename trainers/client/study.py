"""A study, as a trainer holds it."""

import os
import random
import socket
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from lrtune.service.sentences.progress import waiting
from lrtune.service.sentences.study import no_length
from lrtune.service.wire import trials as wire
from lrtune.service.wire.base import storable_part
from lrtune.service.wire.cards import study_card
from lrtune.service.wire.health import StudyHealth
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import Study, StudyStatus, Suggestion
from lrtune.trainers.client.events import Update, updates
from lrtune.trainers.client.http.bodies import valid
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.http.retry import FIRST_WAIT_SECONDS, Retry, is_limited, wait_seconds
from lrtune.trainers.client.lease_calls import LeaseCalls
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.pictures.study import StudyPictures
from lrtune.trainers.client.spool.of_study import StudySpool
from lrtune.trainers.client.standing import Standing
from lrtune.trainers.client.tables.study import StudyTables
from lrtune.trainers.client.tracked import StudyTracking
from lrtune.trainers.client.watching import Watching
from lrtune.trainers.errors import (
    LrtuneError,
    LrtuneWarning,
    ServiceError,
    ServiceUnreachable,
    StudyHalted,
    TrialNotOpen,
)
from lrtune.trainers.progress.trials import TrialProgress, on_stderr

_ANSWER: TypeAdapter[wire.LeasedTrial | wire.NoTrial] = TypeAdapter(wire.LeasedTrial | wire.NoTrial)
DEFAULT_RETRY_AFTER_SECONDS = 5.0
_ATTEMPT_OF_LIMITED = 5
"""Who has reached a limit asks again after what the service says, and no sooner than after a fifth such try."""
_OF_ITS_OWN = (
    "this process is rank {RANK} of {WORLD_SIZE}, and leases trials of its own: where all ranks are to train each "
    "trial together, call lrtune.distributed.leases or lrtune.distributed.run"
)
_DIAGNOSIS_SECONDS = 3.0
"""How long a worker waits for what is said of a trial's learning rate."""


def worker_name() -> str:
    """`host:pid`, for people to read."""
    return f"{socket.gethostname()}:{os.getpid()}"[-200:]


class StudyHandle(StudyPictures, StudyTables, StudyTracking):
    """One study of a service. `.spec` is what the service said about it when it was opened, or last updated."""

    def __init__(self, connection: Connection, spec: Study) -> None:
        self._connection = connection
        self.spec = spec
        self.name = spec.name
        self.ended: wire.NoTrial | None = None
        """What the service said when `leases` ended because there is nothing left to train; None before."""
        self._standing = Standing(connection, spec)
        self._spool = StudySpool(connection, spec.name, self._standing.key)

    def __repr__(self) -> str:
        return f"StudyHandle({self.name!r} at {self._connection.server})"

    def _repr_html_(self) -> str:
        """For notebooks: what `.spec` holds; asks nobody."""
        return study_card(self.spec, self._connection.server)

    def leases(
        self,
        worker: str | None = None,
        *,
        anneals: bool = False,
        resumable: bool = False,
        own_length: bool = False,
        keep_checkpoints: bool = False,
        stop: threading.Event | None = None,
        progress: bool | TrialProgress = False,
        ranks: int = 1,
    ) -> Generator[LeasedTrial, None, None]:
        """Leased trials, one at a time, until the budget is spent; open each with `with trial:`.

        `anneals`: this trainer ends its schedule at the trial's own `max_steps`. `resumable`: it writes
        checkpoints and can go on from them. `keep_checkpoints`: those that `fit` and the frameworks' callbacks write
        stay; else they are removed when their trial is over, the best trial's last one aside.
        Waits while all that is left is leased out; `stop` ends that.
        `progress` shows on standard error what goes on: on a terminal the running trial in a line drawn in place, below
        what you print, and everywhere a line for each trial that has ended.

        `ranks`: so many processes train each trial together, as `lrtune.distributed.leases` has it.

        Raises StudyHalted where the service hands out no trial since the last ones all failed. First, a LrtuneWarning
        says where the study has no `max_steps`, unless the trainer knows its `own_length`; and where this process is
        one of several that torchrun started, each of which leases trials of its own.
        """
        stop = stop or threading.Event()
        if self.spec.max_steps is None and not own_length:
            warnings.warn(no_length(self.name), LrtuneWarning, stacklevel=2)
        if ranks == 1 and os.environ.get("RANK") and os.environ.get("WORLD_SIZE", "1") != "1":
            warnings.warn(_OF_ITS_OWN.format(**os.environ), LrtuneWarning, stacklevel=2)
        worker = worker or worker_name()
        with self._progress(progress) as shown:
            while not stop.is_set():
                try:
                    answer = self._ask(worker, anneals=anneals, resumable=resumable)
                except (ServiceError, ServiceUnreachable) as error:
                    if not stop.is_set():
                        self._wait_for_limit(error, stop, shown)
                    continue
                if isinstance(answer, wire.LeasedTrial):
                    trial = self._leased(answer, worker, shown, keep_checkpoints=keep_checkpoints)
                    yield trial
                    if trial.outcome is None:
                        trial.release()
                        raise TrialNotOpen(trial.number)
                elif answer.done:
                    self.ended = answer
                    self._standing.ended()
                    if answer.halted:
                        raise StudyHalted(answer.explanation or f"the trials of study {self.name} keep failing")
                    return
                else:
                    if shown is not None:
                        shown.waits(self._why_nothing)
                    stop.wait(max(answer.retry_after_seconds or DEFAULT_RETRY_AFTER_SECONDS, FIRST_WAIT_SECONDS))

    def ask(
        self,
        worker: str | None = None,
        *,
        anneals: bool = False,
        resumable: bool = False,
        keep_checkpoints: bool = False,
    ) -> LeasedTrial | wire.NoTrial:
        """One leased trial, to be opened with `with trial:`; or why there is none now. `leases` asks again, and waits;
        this does not."""
        worker = worker or worker_name()
        answer = self._ask(worker, anneals=anneals, resumable=resumable)
        if isinstance(answer, wire.NoTrial):
            return answer
        return self._leased(answer, worker, keep_checkpoints=keep_checkpoints)

    def _leased(
        self,
        answer: wire.LeasedTrial,
        worker: str,
        shown: TrialProgress | None = None,
        *,
        keep_checkpoints: bool,
    ) -> LeasedTrial:
        calls = LeaseCalls(self._connection, self.name, answer.number, answer.lease)
        watching = Watching(shown, self._tracking, worker=worker)
        return LeasedTrial(
            *(answer, calls, watching, self._standing),
            direction=self.spec.direction,
            keep_checkpoints=keep_checkpoints,
            backlog=self._spool.backlog_of(answer),
        )

    def _wait_for_limit(self, error: LrtuneError, stop: threading.Event, shown: TrialProgress | None) -> None:
        """Where the service says that this token has had enough for now, and when to ask again; else `error` is
        raised."""
        if not is_limited(error):
            raise error
        if shown is not None:
            shown.waits(lambda: str(error))
        stop.wait(wait_seconds(_ATTEMPT_OF_LIMITED, error, jitter=random.random()))

    def _progress(self, wanted: bool | TrialProgress) -> AbstractContextManager[TrialProgress | None]:
        if isinstance(wanted, TrialProgress):
            return wanted
        return on_stderr(self.spec.measured, main_learning_rate(self.spec.search_space)) if wanted else nullcontext()

    def _why_nothing(self) -> str:
        """Why there is no trial at the moment. It is for people to read: where it cannot be told, that is no error."""
        try:
            status = self.status()
        except LrtuneError:
            return waiting("running", None)
        return waiting(status.state, status.workers, status.halted)

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

    def diagnosis(self, number: int) -> wire.Diagnosis | None:
        """What the study says of a trial's learning rate now; None where that cannot be had at once."""
        path = f"{study_path(self.name)}/trials/{number}"
        try:
            trial = self._connection.get(
                wire.TrialWithCurve,
                path,
                query={"max_points": wire.FEWEST_POINTS},
                timeout_seconds=_DIAGNOSIS_SECONDS,
                retry=Retry(total_seconds=0.0),
            )
        except (ServiceError, ServiceUnreachable):
            return None
        return trial.diagnosis

    def events(self, *, stop: threading.Event | None = None) -> Iterator[Update]:
        """What happens in the study, as it happens, at most twice a second: first its StudyStatus, then a StudyChange
        for what is new; StudyGone, and the end, when it is deleted.

        What was missed while the service could not be reached comes as one StudyChange, or as a StudyStatus where that
        is not known any more. `stop` ends it with the next event.
        """
        return updates(self._connection, f"{study_path(self.name)}/events", self.name, stop)

    def _ask(self, worker: str, *, anneals: bool, resumable: bool) -> wire.LeasedTrial | wire.NoTrial:
        self._spool.send_leftovers()
        name = storable_part(worker)
        ask = valid(wire.Ask, worker=name, request_id=str(uuid4()), anneals=anneals, resumable=resumable)
        path = f"{study_path(self.name)}/trials"
        at_once = self._connection.retry.limited_for(0.0)  # That `leases` waits, and ends where it is told to.
        return self._connection.send(
            lambda answer: _ANSWER.validate_json(answer.content), "POST", path, body=ask, retry=at_once
        )

    def suggestion(self) -> Suggestion:
        """What to train with, on all that is known so far; costs no trial."""
        return self._connection.get(Suggestion, f"{study_path(self.name)}/suggestion")

    def health(self) -> StudyHealth:
        """Questions about the study, and what is measured of each: is the search past random, say."""
        return self._connection.get(StudyHealth, f"{study_path(self.name)}/health")

    def status(self, *, wait_seconds: float | None = None, after: int | None = None) -> StudyStatus:
        """Where the study stands. With both arguments, waits for a version later than `after`."""
        return self._connection.get(
            StudyStatus,
            f"{study_path(self.name)}/status",
            query={"wait_seconds": wait_seconds, "after": after},
            timeout_seconds=None if wait_seconds is None else wait_seconds + 30.0,
        )
