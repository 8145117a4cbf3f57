"""The worker's loop: lease a trial, train it, tell how it went; until the study's budget is spent."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from lrtune.service.sentences.diagnosis import verdict_on_rate
from lrtune.service.sentences.progress import params_text
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.trainers.client.endings import told_to_end
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import ProgramFailed, ServiceUnreachable, TaskKeepsFailing, TokenRefused, VersionRefused
from lrtune.trainers.progress.trials import TrialProgress
from lrtune.trainers.worker.progress import worker_progress
from lrtune.trainers.worker.signals import Shutdown, Signals

MOST_FAILURES = 3
"""In a row, before the worker gives up."""

_MOST_TOLD = 2
"""Of a diagnosis' evidence, in the line of a trial's end."""

Train = Callable[[LeasedTrial], Any]

logger = logging.getLogger(__name__)


def work(
    study: StudyHandle,
    train: Train,
    *,
    signals: Signals,
    worker: str | None = None,
    anneals: bool | None = None,
    resumable: bool | None = None,
    own_length: bool | None = None,
    keep_checkpoints: bool = False,
    exits: bool = False,
    progress: bool | TrialProgress = False,
) -> int:
    """Trains until the study has nothing left; how many trials that were.

    `anneals`, `resumable` and `own_length` default to what `@task` says about `train`. Raises Shutdown after a signal
    (the trial in hand is given back by then), TaskKeepsFailing after three failures in a row, or at the end where all
    that it trained failed; StudyHalted where the study's last trials all failed. `sys.exit` in `train` is such a
    failure, and costs the trial an attempt; with `exits` it ends the process, too. `keep_checkpoints` and `progress`
    are as in `study.leases`; each trial's end is a line of the log in any case.
    """
    shown = progress if isinstance(progress, TrialProgress) else worker_progress(study.spec, on_terminal=progress)
    trained, leases, failed, failures = set[int](), 0, 0, 0
    last: BaseException | None = None
    trials = study.leases(
        worker,
        anneals=bool(getattr(train, "anneals", False)) if anneals is None else anneals,
        resumable=bool(getattr(train, "resumable", False)) if resumable is None else resumable,
        own_length=bool(getattr(train, "own_length", False)) if own_length is None else own_length,
        keep_checkpoints=keep_checkpoints,
        stop=signals.stopping,
        progress=shown,
    )
    for trial in trials:
        logger.debug("trial %d, attempt %d: %s", trial.number, trial.attempt, params_text(trial.params))
        try:
            _train_one(trial, train, signals)
        except (Exception, SystemExit) as error:
            if concerns_all_trials(error):
                raise
            if isinstance(error, SystemExit) and (exits or told_to_end(error)):
                raise
            if isinstance(error, ProgramFailed):
                logger.error("trial %d: failed: %s", trial.number, error)  # A traceback would be of lrtune's own code.
            else:
                logger.exception("trial %d: failed", trial.number)
            failures, failed, last = failures + 1, failed + 1, error
            if failures >= MOST_FAILURES:
                raise TaskKeepsFailing(failures, error) from error
        else:
            said = "" if getattr(train, "steps_are_folds", False) else _diagnosis(trial, study)
            logger.info("%s%s", shown.last, said)
            failures = 0
        trained.add(trial.number)
        leases += 1
    signals.check()
    if last is not None and failed == leases:
        raise TaskKeepsFailing(failed, last) from last
    return len(trained)


def concerns_all_trials(error: BaseException) -> bool:
    """Whether the next trial would fare no better: the service is away, refuses the token, or the version."""
    if isinstance(error, TokenRefused):
        return error.problem.status == HTTPStatus.UNAUTHORIZED
    return isinstance(error, ServiceUnreachable | VersionRefused)


def _train_one(trial: LeasedTrial, train: Train, signals: Signals) -> None:
    trial.notice = signals.notice
    with trial:
        with signals.interrupting():
            value = train(trial)
        if value is not None:
            trial.complete(value)


def run(
    study: StudyHandle,
    train: Train,
    *,
    worker: str | None = None,
    anneals: bool | None = None,
    resumable: bool | None = None,
    own_length: bool | None = None,
    keep_checkpoints: bool = False,
    timeout_seconds: float | None = None,
    progress: bool | TrialProgress = False,
) -> None:
    """Trains the study's trials with `train(trial)` until the budget is spent; for a script of one's own.

    `train` reports as it goes, or returns the final value, or both. `anneals`, `resumable` and `own_length` are as in
    `study.leases`, and default to what `@task` says about it. `keep_checkpoints` and `progress` are as there.
    After `timeout_seconds` no trial is begun any more; the one in hand is trained to its end.

    SIGTERM and Ctrl-C give the trial in hand back first, and end in SystemExit or KeyboardInterrupt.
    Where `train` itself calls `sys.exit`, that ends the script, and costs the trial an attempt.
    Raises TaskKeepsFailing after three failures in a row, and where all trials failed; StudyHalted where the study's
    last trials all failed.
    """
    try:
        with Signals() as signals, set_after(timeout_seconds, signals.stopping):
            work(
                study,
                train,
                signals=signals,
                worker=worker,
                anneals=anneals,
                resumable=resumable,
                own_length=own_length,
                keep_checkpoints=keep_checkpoints,
                exits=True,
                progress=progress,
            )
    except Shutdown as shutdown:
        if shutdown.signal_number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + shutdown.signal_number) from None


@contextmanager
def set_after(seconds: float | None, event: threading.Event) -> Iterator[None]:
    """Sets the event after so many seconds, if the block still runs then."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, event.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def exit_code(shutdown: Shutdown) -> int:
    """0 after SIGTERM, which is how a scheduler ends a worker; 130 after Ctrl-C."""
    return 130 if shutdown.signal_number == signal.SIGINT else 0


def _diagnosis(trial: LeasedTrial, study: StudyHandle) -> str:
    """`; learning rate too_low: ends at 2.3, 8 times the best, 0.29; …`, as the study has it; nothing where that is
    unclear or cannot be asked, and where the trial has no learning rate."""
    if main_learning_rate(study.spec.search_space) not in trial.params:
        return ""
    found = study.diagnosis(trial.number)
    if found is None or found.verdict == "unclear":
        return ""
    return f"; {verdict_on_rate(found.verdict, found.evidence[:_MOST_TOLD])}"
