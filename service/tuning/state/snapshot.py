"""A study as a sampler or pruner sees it: some or all of its trials, none of which will change."""

import copy
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, whole_number
from lrtune.service.tuning.state.space.distributions import study_distributions

_MOST_FROZEN = 2_000
_MOST_RUNNING = 64
"""Of the trials on lease that a draw is shown, beside the latest: with a thousand workers it would take a hundredth of
a second to look at all of them, and more to learn from them, for every worker that asks."""
_MOST_LOOKED_AT = 5_000


@dataclass(frozen=True)
class Snapshot:
    """What a sampler or pruner may know: some or all of the trials, by number, none of which will change."""

    study_id: int
    name: str
    directions: list[StudyDirection]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    trials: list[FrozenTrial]
    distributions: Mapping[str, BaseDistribution]
    """Of the study's search space."""
    point: dict[str, Any] | None = None
    """Of a study that walks through a grid: the next point, empty where there is none left."""
    max_trials: int | None = None
    promotable: frozenset[int] = frozenset()
    """Numbers of the paused trials that may be taken up again."""
    crowded: bool = False
    """Whether many wait for a trial behind this one while hardly anything is known."""


@dataclass
class _Frozen:
    """Frozen trials by number, so many at most."""

    finished: dict[int, FrozenTrial] = field(default_factory=dict)
    shown_running: dict[int, tuple[FrozenTrial, FrozenTrial]] = field(default_factory=dict)
    """As the trial is, and as it is shown."""


def snapshot_all(study: StudyMirror) -> Snapshot:
    """All trials. Under the engine's lock."""
    return _snapshot(study, [trial.freeze() for trial in study.trials])


def snapshot_window(study: StudyMirror, *, best: int, latest: int, running: int | None = _MOST_RUNNING) -> Snapshot:
    """The best complete trials, the latest trials and those on lease, so many of these (None: all): a bounded view of a
    long history, and of a large fleet."""
    count = len(study.trials)
    if count <= best + latest:
        return snapshot_all(study)
    numbers = {number for _, number in study.ranking[:best]}
    numbers.update(_running(study, running))
    numbers.update(range(count - latest, count))
    return _snapshot(study, [_frozen(study, number) for number in sorted(numbers)])


def snapshot_of_finished(study: StudyMirror, *, best: int, latest: int) -> Snapshot:
    """The same without the trials that are not over: their curves may be long, and are copied whenever they grow."""
    count = len(study.trials)
    first = 0 if count <= best + latest else count - latest
    numbers = {number for _, number in study.ranking[:best]}.union(range(first, count))
    finished = (number for number in sorted(numbers) if study.trials[number].state.is_finished())
    return _snapshot(study, [_frozen(study, number) for number in finished])


def snapshot_of_trials(study: StudyMirror, numbers: Iterable[int]) -> Snapshot:
    """These trials."""
    return _snapshot(study, [_frozen(study, number) for number in numbers])


def snapshot_of_training(study: StudyMirror, *, best: int, latest: int, paused: int) -> Snapshot:
    """A bounded view like `snapshot_window`, with the best paused trials. Trials that wait with parameters, to be
    trained on, are shown as running: they are points that were taken, and their curves are evidence.

    Of a trial that is shown and is being trained again, the training is shown, too: it is not to be begun twice."""
    count = len(study.trials)
    numbers = set(range(max(0, count - latest), count)).union(_running(study, _MOST_RUNNING))
    numbers.update(number for _, number in study.ranking[:best])
    numbers.update(number for _, number in study.paused_ranking[:paused])
    if len(study.leased) > _MOST_RUNNING:
        again = ((number, whole_number(trial.system_attrs, AGAIN_ATTR)) for number, trial in study.leased.items())
        numbers.update([number for number, first in again if first in numbers])
    return _snapshot(study, [_shown_running(study, number) for number in sorted(numbers)])


def snapshot_of_unfinished(study: StudyMirror, *, most: int, points: int) -> Snapshot:
    """The running and paused trials that came furthest, at the most so many, the paused ones shown as running; as many
    as have so many `points` on their curves in all, and one at least. Under the engine's lock."""
    furthest = heapq.nlargest(
        most,
        (study.trials[number] for number in islice(chain(study.leased, study.paused_trials), _MOST_LOOKED_AT)),
        key=lambda trial: (trial.last_step or 0, -trial.number),
    )
    numbers: list[int] = []
    for trial in furthest:
        points -= len(trial.intermediate)
        if points < 0 and numbers:
            break
        numbers.append(trial.number)
    return _snapshot(study, [_shown_running(study, number) for number in sorted(numbers)])


def _running(study: StudyMirror, most: int | None) -> Iterable[int]:
    """The trials on lease; of more than `most` half of that are those that came furthest, whose curves tell most, and
    the other half is spread evenly over all, so that no region looks free in which many train."""
    if most is None or len(study.leased) <= most:
        return study.leased
    furthest = heapq.nlargest(most // 2, study.leased.values(), key=lambda trial: trial.last_step or 0)
    spread = islice(study.leased, 0, None, -(-len(study.leased) // max(most // 2, 1)))
    return chain((trial.number for trial in furthest), spread)


def _shown_running(study: StudyMirror, number: int) -> FrozenTrial:
    trial = study.trials[number]
    if trial.state is not TrialState.WAITING or not trial.params:
        return _frozen(study, number)
    cache = study.derived(_Frozen).shown_running
    frozen = trial.freeze()
    kept = cache.get(number)
    if kept is None or kept[0] is not frozen:
        if len(cache) >= _MOST_FROZEN:
            cache.clear()
        shown = copy.copy(frozen)
        shown.state = TrialState.RUNNING
        kept = cache[number] = (frozen, shown)
    return kept[1]


def _frozen(study: StudyMirror, number: int) -> FrozenTrial:
    """A trial of a window. A finished one is kept for the next windows in a cache of bounded size: the frozen copies of
    all trials would double what a long study takes."""
    trial = study.trials[number]
    if not trial.state.is_finished():
        return trial.freeze()
    cache = study.derived(_Frozen).finished
    frozen = cache.get(number)
    if frozen is None:
        if len(cache) >= _MOST_FROZEN:
            cache.clear()
        frozen = cache[number] = trial.frozen_copy()
    return frozen


def _snapshot(study: StudyMirror, trials: list[FrozenTrial]) -> Snapshot:
    return Snapshot(
        study.study_id,
        study.name,
        study.directions,
        study.user_attrs,
        dict(study.system_attrs),
        trials,
        study_distributions(study),
        max_trials=study.max_trials,
    )
