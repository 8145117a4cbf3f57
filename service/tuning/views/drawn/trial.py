"""One trial with all that is drawn into its curve.

The head is read under the engine's lock; the curve is put in order, thinned and judged in a thread, with what the
database holds of earlier leases.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lrtune.service.pictures.trial.curve import TrialStory
from lrtune.service.rates.thinning import thin
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.superseded import read_superseded
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.suggesting.diagnosis import look_at_curve
from lrtune.service.tuning.views.curves import TrialSeen, look_at_trial
from lrtune.service.tuning.views.drawn.rungs import rung_steps
from lrtune.service.tuning.views.drawn.space import sample

_MOST_POINTS = 800
_MOST_EARLIER = 2_000
_PEERS, _BEST = 40, 5
_GRID = 60
_FEWEST = 3
"""So many complete trials a median needs."""


@dataclass(frozen=True)
class StorySeen:
    """A trial as it was, and the curves of complete ones, which do not change any more."""

    study: str
    metric: str
    maximizes: bool
    trial_id: int
    leases: int
    resumed_from: int | None
    seen: TrialSeen
    peers: Sequence[Mapping[int, float]]
    rungs: Sequence[int]

    def work_out(self, database: Database) -> TrialStory:
        """The story; in a thread. Raises StorageUnavailable."""
        earlier: dict[int, list[tuple[int, float]]] = {}
        if self.leases > 1:
            with database.snapshot() as connection:
                earlier = read_superseded(connection, self.trial_id, _MOST_EARLIER)
        steps, values = self.seen.in_order()
        found = look_at_curve(self.seen.known, steps, values)
        kept = thin(values, _MOST_POINTS)
        curve = list(zip(steps[kept].tolist(), values[kept].tolist(), strict=True))
        head = self.seen.head
        return TrialStory(
            study=self.study,
            metric=self.metric,
            maximizes=self.maximizes,
            number=head.number,
            state=head.state,
            curve=curve,
            diagnosis=found,
            earlier=earlier,
            median=_median(curve, self.peers),
            rungs=self.rungs,
            max_steps=head.max_steps,
            checkpoint=head.checkpoint.step if head.checkpoint is not None else None,
            went_on_from=self.resumed_from,
        )


def story_of(study: StudyMirror, number: int) -> StorySeen:
    """What is drawn of a trial. Under the engine's lock. Raises TrialNotFound."""
    assert study.spec is not None
    seen = look_at_trial(study, number)
    trial = study.trials[number]
    work = trial.work
    folds = steps_are_folds(study.spec)
    others = [other for other in sample(study, best=_BEST, most=_PEERS) if other != number]
    full = study.spec.max_steps or trial.last_step or 0
    return StorySeen(
        study=study.name,
        metric=study.spec.measured,
        maximizes=study.maximizes,
        trial_id=trial.trial_id,
        leases=0 if work is None else work.leases,
        resumed_from=None if work is None else work.resumed_from,
        seen=seen,
        peers=[] if folds else [study.trials[other].intermediate for other in others],
        rungs=[] if folds else rung_steps(study, full)[:-1],
    )


def _median(curve: Sequence[tuple[int, float]], peers: Sequence[Mapping[int, float]]) -> list[tuple[int, float]]:
    """Of the peers' values at some of the curve's steps, where enough of them reported."""
    count = len(curve)
    drawn, found = min(count, _GRID), []
    for step in dict.fromkeys(curve[place * (count - 1) // max(drawn - 1, 1)][0] for place in range(drawn)):
        values = [value for peer in peers if (value := peer.get(step)) is not None and math.isfinite(value)]
        if len(values) >= _FEWEST:
            found.append((step, median(values)))
    return found
