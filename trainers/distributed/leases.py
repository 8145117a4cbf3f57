"""The trials of a study, for all ranks of a training.

for trial in leases(lambda: Client().study("mine")):
    with trial:
        model = DistributedDataParallel(build(trial.params))
        for epoch in range(1, trial.max_steps + 1):
            trial.report(epoch, train_one_epoch(model), mean=True)
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.distributed.group import RankGroup
from lrtune.trainers.distributed.ranks import Ranks, ranks_here
from lrtune.trainers.distributed.shared_trial import Leased, SharedTrial
from lrtune.trainers.errors import TrialNotOpen

OVER = "over"


def leases(
    open_study: Callable[[], StudyHandle],
    *,
    anneals: bool = False,
    resumable: bool = False,
    own_length: bool = False,
    keep_checkpoints: bool = False,
    progress: bool = False,
) -> "Iterator[SharedTrial | LeasedTrial]":
    """Leased trials, one at a time, the same on all ranks, until the budget is spent; open each with `with trial:`.

    The ranks are the processes that torchrun started, or whoever set RANK and WORLD_SIZE. `open_study` is called on
    rank 0 alone, which alone talks to the service; the others wait for it, for hours where there is no trial. For the
    other arguments, and what it raises, see `StudyHandle.leases`. All ranks must take the same trials: break off on all
    or on none. With one process these are `open_study().leases(…)`.

    Raises RankFailed and RankLost where another rank has gone, LrtuneError where the ranks cannot meet.
    """
    how: dict[str, Any] = {"anneals": anneals, "resumable": resumable, "own_length": own_length}
    return shared_leases(open_study, ranks_here(), **how, keep_checkpoints=keep_checkpoints, progress=progress)


def shared_leases(
    open_study: Callable[[], StudyHandle],
    ranks: Ranks,
    *,
    stop: threading.Event | None = None,
    told: Callable[[], int | None] = lambda: None,
    **how: Any,
) -> "Iterator[SharedTrial | LeasedTrial]":
    """As `leases`. `stop` ends the wait for a trial; `told` is the signal by which this process was told to end, if
    there was one: then Shutdown is raised on all ranks. `progress` may be a function that makes it of the study."""
    if ranks.count == 1:
        yield from open_study().leases(stop=stop, **how)
        return
    with RankGroup(ranks, told) as group:
        taking = _Taking(group, open_study, stop or threading.Event(), how)
        while True:
            news = group.from_first("next trial", taking.next, timeout_seconds=None)
            if news == OVER:
                return
            yield SharedTrial(group, news, taking.trial)
            group.from_first("next trial", taking.check_opened)


class _Taking:
    """What rank 0 does: it takes the next trial."""

    def __init__(
        self, group: RankGroup, open_study: Callable[[], StudyHandle], stop: threading.Event, how: dict[str, Any]
    ) -> None:
        self._group, self._open_study, self._how = group, open_study, how
        self._stop = stop
        self._trials: Iterator[LeasedTrial] | None = None
        self.trial: LeasedTrial | None = None
        group.watch.at_trouble.append(stop.set)

    def next(self) -> Any:
        """The next trial; OVER where none will come. Raises what has become of another rank."""
        if self._trials is None:
            study = self._open_study()
            progress = self._how.get("progress", False)
            how = {**self._how, "progress": progress(study.spec) if callable(progress) else progress}
            self._trials = study.leases(stop=self._stop, ranks=self._group.ranks.count, **how)
        self.trial = next(self._trials, None)
        if self.trial is not None:
            return Leased.of(self.trial)
        trouble = self._group.watch.trouble
        if trouble is not None:
            raise trouble.error()
        return OVER

    def check_opened(self) -> None:
        """Gives a trial back that nobody opened. Raises TrialNotOpen."""
        if self.trial is not None and self.trial.outcome is None:
            self.trial.release()
            raise TrialNotOpen(self.trial.number)
