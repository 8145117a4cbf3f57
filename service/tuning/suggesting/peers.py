"""What the complete trials of a study say beside any one of them: the best of each setting, and an untrained model's
value. Each trial is looked at once."""

import math
from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.state.space.rates import rate_in
from lrtune.service.tuning.suggesting.compute import categories_of
from lrtune.service.wire.learning_rates import main_learning_rate

_MOST_RANKED = 20
_A_SLICE = 1_000
_FLAT = 0.1
"""A trial has learned nothing where all it moved is less than this share of its first value."""

Key = tuple[tuple[str, Any], ...]


@dataclass
class Setting:
    """The complete trials of one optimizer and its like."""

    complete: int = 0
    ranking: list[tuple[float, int]] = field(default_factory=list)
    """(loss, number) of the best few, best first."""

    def take(self, loss: float, number: int) -> None:
        """Take a complete trial in."""
        self.complete += 1
        insort(self.ranking, (loss, number))
        del self.ranking[_MOST_RANKED:]


@dataclass
class Peers:
    """What the first `upto` of the trials that completed say."""

    upto: int = 0
    settings: dict[Key, Setting] = field(default_factory=dict)
    lowest_rate: float = math.inf
    untrained: float | None = None
    """A model's value before its first step: as was reported, else the first of the trial with the lowest rate, where
    that learned nothing."""
    was_reported: bool = False

    def of(self, categories: Mapping[str, Any]) -> Setting:
        """The complete trials of these categories."""
        return self.settings.get(_key(categories), Setting())

    def take(self, trial: TrialMirror, categories: Mapping[str, Any], rate: float | None, sign: float) -> None:
        """Take a complete trial in."""
        if trial.value is not None:
            self.settings.setdefault(_key(categories), Setting()).take(sign * trial.value, trial.number)
        if 0 in trial.intermediate:
            self.untrained, self.was_reported = trial.intermediate[0], True
        elif not self.was_reported and rate is not None and rate < self.lowest_rate and len(trial.intermediate) > 1:
            self.lowest_rate, self.untrained = rate, _first_of_flat(trial)


def peers_of(study: StudyMirror) -> Peers:
    """What the study's complete trials say now. Under the engine's lock; where many are new, `peers_slices` first."""
    peers = study.derived(Peers)
    _take_in(study, peers, len(study.completed))
    return peers


def peers_slices(study: StudyMirror) -> Iterator[int]:
    """Take in the complete trials that are new, a thousand at a time, so that `peers_of` has little left to do."""
    peers = study.derived(Peers)
    while peers.upto < len(study.completed):
        study.check_kept()
        _take_in(study, peers, min(peers.upto + _A_SLICE, len(study.completed)))
        yield peers.upto


def _take_in(study: StudyMirror, peers: Peers, upto: int) -> None:
    assert study.spec is not None
    space = study.spec.search_space
    name, sign = main_learning_rate(space), -1.0 if study.maximizes else 1.0
    for number in study.completed[peers.upto : upto]:
        trial = study.trials[number]
        peers.take(trial, categories_of(trial.params, space), rate_in(trial.params, name), sign)
    peers.upto = upto


def _first_of_flat(trial: TrialMirror) -> float | None:
    """The first value of a trial that learned nothing."""
    first: float = next(iter(trial.intermediate.values()))
    return first if trial.highest - trial.lowest < _FLAT * abs(first) else None


def _key(categories: Mapping[str, Any]) -> Key:
    return tuple(sorted(categories.items()))
