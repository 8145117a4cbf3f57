"""The worker's loop: lease a trial, train it, tell how it went; until the study's budget is spent."""

import logging
import signal
from collections.abc import Callable
from typing import Any

from lrtune.service.rates.diagnosis import diagnose
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import Study
from lrtune.trainers.client.endings import told_to_end
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import ServiceUnreachable, TaskKeepsFailing
from lrtune.trainers.worker.signals import Shutdown, Signals

MOST_FAILURES = 3
"""In a row, before the worker gives up."""

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
    exits: bool = False,
) -> int:
    """Trains until the study has nothing left; how many trials that were.

    `anneals` and `resumable` default to what `@task` says about `train`. Raises Shutdown after a signal (the
    trial in hand is given back by then), TaskKeepsFailing after three failures in a row. `sys.exit` in `train` is such
    a failure, and costs the trial an attempt; with `exits` it ends the process, too.
    """
    trained = failures = 0
    trials = study.leases(
        worker,
        anneals=bool(getattr(train, "anneals", False)) if anneals is None else anneals,
        resumable=bool(getattr(train, "resumable", False)) if resumable is None else resumable,
        stop=signals.stopping,
    )
    for trial in trials:
        logger.info("trial %d, attempt %d: %s", trial.number, trial.attempt, _show(trial.params))
        try:
            _train_one(trial, train, signals)
        except ServiceUnreachable:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and (exits or told_to_end(error)):
                raise
            logger.exception("trial %d: failed", trial.number)
            failures += 1
            if failures >= MOST_FAILURES:
                raise TaskKeepsFailing(failures, error) from error
        else:
            said = "" if getattr(train, "steps_are_folds", False) else _diagnosis(trial, study.spec)
            logger.info("trial %d: %s%s", trial.number, trial.outcome, said)
            failures = 0
        trained += 1
    signals.check()
    return trained


def _train_one(trial: LeasedTrial, train: Train, signals: Signals) -> None:
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
) -> None:
    """Trains the study's trials with `train(trial)` until the budget is spent; for a script of one's own.

    `train` reports as it goes, or returns the final value, or both. `anneals` and `resumable` default to what `@task`
    says about it. SIGTERM and Ctrl-C give the trial in hand back first, and end in SystemExit or KeyboardInterrupt.
    Where `train` itself calls `sys.exit`, that ends the script, and costs the trial an attempt.
    Raises TaskKeepsFailing after three failures in a row.
    """
    try:
        with Signals() as signals:
            work(study, train, signals=signals, worker=worker, anneals=anneals, resumable=resumable, exits=True)
    except Shutdown as shutdown:
        if shutdown.signal_number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + shutdown.signal_number) from None


def exit_code(shutdown: Shutdown) -> int:
    """0 after SIGTERM, which is how a scheduler ends a worker; 130 after Ctrl-C."""
    return 130 if shutdown.signal_number == signal.SIGINT else 0


def _diagnosis(trial: LeasedTrial, spec: Study) -> str:
    """`; learning rate too_low: falls slowly and steadily, …`; nothing where the curve does not say, and where the
    trial has no learning rate."""
    if main_learning_rate(spec.search_space) not in trial.params:
        return ""
    steps, values = [step for step, _ in trial.curve], [value for _, value in trial.curve]
    found = diagnose(steps, values, direction=spec.direction)
    return "" if found.verdict == "unclear" else f"; learning rate {found.verdict}: {found.evidence[0]}"


def _show(params: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )
