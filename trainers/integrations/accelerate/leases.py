"""The trials of a study, for all processes of a training.

accelerator = Accelerator()
for trial in leases(accelerator, lambda: Client().study("mine")):
    with trial:
        model, optimizer, batches = accelerator.prepare(*build(trial.params))
        for epoch in range(1, trial.max_steps + 1):
            trial.report(epoch, train_one_epoch(accelerator, model, optimizer, batches))
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import TrialNotOpen
from lrtune.trainers.integrations.accelerate.broadcast import by_main
from lrtune.trainers.integrations.accelerate.shared_trial import Leased, SharedTrial

ROUND_SECONDS = 60.0
"""How long the others wait for news of the main process, which may wait for a trial for hours. It is well within the
ten minutes after which a process group gives up."""

WAITS, OVER = "waits", "over"


def leases(
    accelerator: Any,
    open_study: Callable[[], StudyHandle],
    *,
    anneals: bool = False,
    resumable: bool = False,
    own_length: bool = False,
) -> Iterator[SharedTrial]:
    """Leased trials, one at a time, the same in all processes, until the budget is spent; open each with `with trial:`.

    `open_study` is called in the main process alone, which alone talks to the service. For the other arguments, and
    what it raises, see `StudyHandle.leases`. All processes must take the same trials: break off in all or in none.
    """
    taking = _Taking(open_study, anneals=anneals, resumable=resumable, own_length=own_length)
    while True:
        news: Leased | str = by_main(accelerator, taking.next)
        if isinstance(news, Leased):
            yield SharedTrial(accelerator, news, taking.trial)
            by_main(accelerator, taking.check_opened)
        elif news == OVER:
            return


class _Taking:
    """What the main process does: it takes the next trial."""

    def __init__(self, open_study: Callable[[], StudyHandle], **how: bool) -> None:
        self._open_study = open_study
        self._study: StudyHandle | None = None
        self._how: dict[str, Any] = how
        self.trial: LeasedTrial | None = None

    def next(self) -> Leased | str:
        """The next trial; WAITS where there is none within a round; OVER where none will come."""
        self._study = self._study or self._open_study()
        with _set_after(ROUND_SECONDS) as round_over:
            self.trial = next(self._study.leases(stop=round_over, **self._how), None)
        self._how["own_length"] = True  # Whoever should have been warned of it has been.
        if self.trial is not None:
            return Leased.of(self.trial)
        return WAITS if self._study.ended is None else OVER

    def check_opened(self) -> None:
        """Gives a trial back that nobody opened. Raises TrialNotOpen."""
        trial = self.trial
        if trial is not None and trial.outcome is None:
            trial.release()
            raise TrialNotOpen(trial.number)


@contextmanager
def _set_after(seconds: float) -> Iterator[threading.Event]:
    """An event that is set after that time; whoever sets it ends with the block."""
    event = threading.Event()
    timer = threading.Timer(seconds, event.set)
    timer.daemon = True
    timer.start()
    try:
        yield event
    finally:
        timer.cancel()
