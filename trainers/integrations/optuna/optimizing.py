"""The loop of `Study.optimize`: trials are leased, trained with an objective, and told."""

import gc
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import InvalidRequest, LeaseLost
from lrtune.trainers.integrations.optuna import telling
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.frozen import FrozenTrial, State
from lrtune.trainers.integrations.optuna.trial import Trial
from lrtune.trainers.worker.loop import set_after

Objective = Callable[[Trial], float | Sequence[float]]

logger = optuna.logging.get_logger("optuna.lrtune")  # So that it is shown, and silenced, as Optuna's own lines are.


@dataclass(frozen=True)
class Wanted:
    """What a call of `optimize` asks for."""

    n_trials: int | None
    timeout: float | None
    threads: int
    catch: tuple[type[Exception], ...]
    callbacks: tuple[Callable[[Any, FrozenTrial], None], ...]
    gc_after_trial: bool
    progress: bool


@dataclass
class Run:
    """A call of `optimize`, in all its threads."""

    left: int | None
    """Trials to begin; None for any number."""
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claims(self) -> bool:
        """Whether another trial may begin, which counts then."""
        with self._lock:
            if self.stop.is_set() or self.left == 0:
                return False
            if self.left is not None:
                self.left -= 1
            return True


class Trains(Protocol):
    """What is asked of a study here."""

    handle: StudyHandle

    def opened(self, leased: LeasedTrial) -> Trial: ...
    def taken(self, trial: Trial) -> Trial: ...
    def trial(self, number: int) -> FrozenTrial: ...
    def train_for(self, run: Run | None) -> None: ...


def wanted(
    n_trials: Any, timeout: Any, n_jobs: Any, catch: Any, callbacks: Any, gc_after_trial: bool, progress: bool
) -> Wanted:
    """The arguments of `optimize`, checked. Raises InvalidRequest, which names the one that cannot be."""
    if n_trials is not None and not (_whole(n_trials) and n_trials >= 0):
        raise InvalidRequest("n_trials", f"must be a number of trials ≥ 0, or None, not {n_trials!r:.60}")
    if timeout is not None and not (
        isinstance(timeout, int | float) and 0 <= timeout <= threading.TIMEOUT_MAX and not isinstance(timeout, bool)
    ):
        raise InvalidRequest("timeout", f"must be a number of seconds ≥ 0, or None, not {timeout!r:.60}")
    if not _whole(n_jobs) or (n_jobs < 1 and n_jobs != -1):
        raise InvalidRequest("n_jobs", f"must be a number of threads, or -1 for one a core, not {n_jobs!r:.60}")
    caught = tuple(catch) if isinstance(catch, Iterable) else (catch,)
    for kind in caught:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise InvalidRequest("catch", f"must name types of exceptions, as in (ValueError,), not {kind!r:.60}")
    threads = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs
    return Wanted(n_trials, timeout, threads, caught, tuple(callbacks or ()), gc_after_trial, progress)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def optimize(study: Trains, func: Objective, how: Wanted) -> None:
    """As `Study.optimize`. Threads that it starts have ended when it returns or raises."""
    run = Run(how.n_trials)
    if how.timeout == 0:
        return
    with set_after(how.timeout, run.stop):
        if how.threads == 1:
            _train(study, func, how, run)
            return
        with ThreadPoolExecutor(how.threads, "lrtune-optimize") as pool:
            try:
                for one in as_completed([pool.submit(_train, study, func, how, run) for _ in range(how.threads)]):
                    one.result()
            finally:
                run.stop.set()  # Where one thread has raised, the others end after their trial.


def _train(study: Trains, func: Objective, how: Wanted, run: Run) -> None:
    """Trains until nothing is left, in this thread."""
    study.train_for(run)
    shown = how.progress and how.threads == 1
    try:
        with closing(study.handle.leases(own_length=True, stop=run.stop, progress=shown)) as leases:
            while run.claims():
                leased = next(leases, None)
                if leased is None:
                    break
                try:
                    _train_one(study, func, how, leased)
                finally:
                    if how.gc_after_trial:
                        gc.collect()
    finally:
        study.train_for(None)


def _train_one(study: Trains, func: Objective, how: Wanted, leased: LeasedTrial) -> None:
    trial = study.opened(leased)
    try:
        try:
            values = func(trial)
        finally:
            study.taken(trial)
    except optuna.TrialPruned as pruned:
        telling.prune(trial, str(pruned) or telling.BY_ITSELF)
    except LeaseLost as lost:
        telling.fail(trial, lost)
        logger.warning("Trial %d is another worker's now: %s", trial.number, lost)
        return
    except BaseException as error:
        telling.fail(trial, error)
        _log_failure(trial, repr(error), error)
        if not isinstance(error, how.catch):
            raise
    else:
        _tell(trial, values)
    _tell_of(study.trial(trial.number))
    for callback in how.callbacks:
        callback(study, study.trial(trial.number))


def _tell(trial: Trial, values: Any) -> None:
    wrong = telling.why_not(values)
    telling.end(trial, values, None if wrong is None else State.FAIL, wrong)
    if wrong is not None:
        _log_failure(trial, wrong)


def _tell_of(ended: FrozenTrial) -> None:
    if ended.state is State.COMPLETE:
        logger.info("Trial %d finished with value: %s and parameters: %s.", ended.number, ended.value, ended.params)
    elif ended.state is State.PRUNED:
        logger.info("Trial %d pruned. %s", ended.number, ended.user_attrs.get("explanation", ""))


def _log_failure(trial: Trial, why: str, error: BaseException | None = None) -> None:
    where = "" if error is None else "\n" + "".join(traceback.format_exception(error)).rstrip()
    logger.warning("Trial %d failed with parameters: %s: %s%s", trial.number, trial.params, why, where)
