"""What a worker's loop tells its progress to."""

import logging
import os
import sys
import time
from collections.abc import Callable

from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import Study
from lrtune.trainers.progress.screen import Foot, shared_screen
from lrtune.trainers.progress.trials import TrialProgress
from lrtune.trainers.worker.relay import VARIABLE, Recorder

logger = logging.getLogger(__name__)


def worker_progress(spec: Study, *, on_terminal: bool, clock: Callable[[], float] = time.monotonic) -> TrialProgress:
    """The progress of a worker: the end of a trial is the worker's own line in the log; a wait is one, too, where no
    line at the foot of a terminal shows it."""
    return TrialProgress(
        metric=spec.measured,
        learning_rate=main_learning_rate(spec.search_space),
        foot=_foot() if on_terminal else None,
        say=logger.info,
        says_ends=False,
        clock=clock,
    )


def _foot() -> Foot | None:
    """The supervisor's terminal, else this process's own."""
    return Recorder(sys.stderr) if os.environ.pop(VARIABLE, None) == "1" else shared_screen()
