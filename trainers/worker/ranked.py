"""A worker of several processes: each trial is trained by all of them together.

def train(trial):
    model = DistributedDataParallel(build(trial.params))
    ...

run(lambda: Client().study("mine"), train)  # in a script that torchrun starts
"""

import logging
import signal
from collections.abc import Callable
from typing import Any

from lrtune.service.sentences.progress import params_text
from lrtune.service.wire.studies import Study
from lrtune.trainers.client.endings import error_text, told_to_end
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.distributed.leases import shared_leases
from lrtune.trainers.distributed.ranks import Ranks, ranks_here
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import RankFailed, RankLost, Shutdown, TaskKeepsFailing
from lrtune.trainers.progress.trials import TrialProgress
from lrtune.trainers.worker import loop
from lrtune.trainers.worker.progress import worker_progress
from lrtune.trainers.worker.signals import Signals

Train = Callable[[Any], Any]
"""Called on all ranks with a SharedTrial; with one process, with a LeasedTrial."""

logger = logging.getLogger(__name__)


def run(
    open_study: Callable[[], StudyHandle],
    train: Train,
    *,
    anneals: bool | None = None,
    resumable: bool | None = None,
    own_length: bool | None = None,
    keep_checkpoints: bool = False,
    progress: bool = False,
) -> None:
    """Trains a study's trials with `train(trial)`, called on all ranks, until the budget is spent.

    As `lrtune.run`, which it is with one process. `open_study` is called on rank 0 alone. What `train` returns on rank
    0 is the final value. SIGTERM or Ctrl-C, on any rank: all leave at the end of the next report, the trial is given
    back with its checkpoint, and the processes end.

    Raises TaskKeepsFailing after three trials in a row in which all ranks failed. Where only some do, their places in a
    collective are lost: RankFailed or RankLost is raised on all, and the launcher starts them again.
    """
    how: dict[str, Any] = {"anneals": anneals, "resumable": resumable, "own_length": own_length}
    how |= {"keep_checkpoints": keep_checkpoints, "progress": progress}
    ranks = ranks_here()
    if ranks.count == 1:
        loop.run(open_study(), train, **how)
        return
    try:
        with Signals() as signals:
            work_together(open_study, train, ranks=ranks, signals=signals, **how)
    except Shutdown as shutdown:
        if shutdown.signal_number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + shutdown.signal_number) from None


def work_together(
    open_study: Callable[[], StudyHandle], train: Train, *, ranks: Ranks, signals: Signals, **how: Any
) -> int:
    """As `loop.work`, on every rank: how many trials were trained. Raises Shutdown after a signal to any of them."""
    for name in ("anneals", "resumable", "own_length"):
        if how.get(name) is None:
            how[name] = bool(getattr(train, name, False))
    trained, failures, shown = set[int](), 0, list[TrialProgress]()
    on_terminal = how.pop("progress", False)

    def progress(spec: Study) -> TrialProgress:
        shown.append(worker_progress(spec, on_terminal=on_terminal))
        return shown[0]

    how["progress"] = progress
    trials = shared_leases(open_study, ranks, stop=signals.stopping, told=lambda: signals.received, **how)
    for trial in trials:
        logger.debug("trial %d, attempt %d: %s", trial.number, trial.attempt, params_text(trial.params))
        try:
            _train_one(trial, train)
        except (Exception, SystemExit) as error:
            failures = _counted(trial, ranks, error, failures)
        else:
            failures = 0
        if shown:
            logger.info("%s", shown[0].last)
        trained.add(trial.number)
    return len(trained)


def _train_one(trial: SharedTrial | LeasedTrial, train: Train) -> None:
    with trial:
        value = train(trial)
        if value is not None:
            trial.complete(value)


def _counted(trial: SharedTrial | LeasedTrial, ranks: Ranks, error: BaseException, failures: int) -> int:
    """One failure more, of which all ranks had a part. Raises what ends the worker."""
    alike = isinstance(trial, SharedTrial) and trial.failed_alike
    if loop.concerns_all_trials(error) or isinstance(error, RankFailed | RankLost) or told_to_end(error):
        raise error
    logger.error("trial %d: failed on rank %d", trial.number, ranks.rank, exc_info=error)
    if not alike:
        raise RankFailed(ranks.rank, error_text(error)) from error
    if failures + 1 >= loop.MOST_FAILURES:
        raise TaskKeepsFailing(failures + 1, error) from error
    return failures + 1
