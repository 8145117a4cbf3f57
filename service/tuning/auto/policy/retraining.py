"""Training again from the start: what pausing is to trainers that cannot go on from a checkpoint.

In many parameters a trial is stopped at a rung where it does not lead (`rungs`). One that leads later, when others
have come as far, is trained again, past that rung: since rungs come early, that costs little beside the training that
it earns. The new trial has the parameters of the old one and a number of its own, and takes its place as evidence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import AGAIN_ATTR, TRAINS_TO_ATTR, whole_number
from lrtune.service.tuning.auto.observed import has_diverged

Run = TypeVar("Run")

_FAILURES = 2
"""What fails so often when it is trained again is left alone: it may need more memory than there is."""


def trains_to(system_attrs: Mapping[str, Any]) -> float | None:
    """The share of a training until which a trial with these attributes trains in any case; None where it is raced."""
    share = system_attrs.get(TRAINS_TO_ATTR)
    return float(share) if isinstance(share, int | float) and 0 <= share <= 1 else None


def began_as(trial: FrozenTrial) -> int:
    """The number of the trial that this one trains again; its own where it does so for none."""
    earlier = whole_number(trial.system_attrs, AGAIN_ATTR)
    return trial.number if earlier is None else earlier


def furthest_runs(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Of trials that train the same again the one that came furthest, of all others each, in their order."""
    if not any(AGAIN_ATTR in trial.system_attrs for trial in trials):
        return list(trials)
    kept = furthest((began_as(trial), _far(trial), trial) for trial in trials)
    return [trial for trial in trials if kept[began_as(trial)] is trial]


def furthest(runs: Iterable[tuple[int, tuple[bool, int], Run]]) -> dict[int, Run]:
    """The run that came furthest by what it began as; the latest of those that came as far. Each of the `runs` is what
    it began as, whether it ended for good and its last step (−1: none), and the run itself."""
    kept: dict[int, tuple[tuple[bool, int], Run]] = {}
    for began, far, run in runs:
        known = kept.get(began)
        if known is None or far >= known[0]:
            kept[began] = far, run
    return {began: run for began, (_, run) in kept.items()}


def not_to_retrain(trials: Sequence[FrozenTrial]) -> set[int]:
    """What `began_as` says of those that are not to be trained again: they are in training, or failed too often."""
    failures = Counter(began_as(trial) for trial in trials if trial.state is TrialState.FAIL)
    too_often = {began for began, count in failures.items() if count >= _FAILURES}
    return too_often.union(began_as(trial) for trial in trials if trial.state is TrialState.RUNNING)


def _far(trial: FrozenTrial) -> tuple[bool, int]:
    """Those that ended for good before others, those that failed by accident behind all."""
    if trial.state is TrialState.FAIL and not has_diverged(trial, failed_counts=False):
        return False, -1
    ended = trial.state is TrialState.COMPLETE or has_diverged(trial, failed_counts=False)
    return ended, -1 if trial.last_step is None else trial.last_step
