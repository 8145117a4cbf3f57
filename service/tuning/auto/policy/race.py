"""Whether a run that cannot be resumed goes on: a race against what finished, as far as early ranks can be trusted.

Stock rules stop the best learning rates early, since under annealing they look bad at first. Here the study's own
finished curves say how often the order at a checkpoint was the order at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np

from lrtune.service.sentences import verdicts as say
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, concordance, steps_at

CHECKPOINTS = (2, 4, 6, 8)
"""Where it is decided: at .06, .12, .22 and .45 of a full training."""

_NEVER_BELOW = 0.5
_LEAST_CUT = 1
"""So many finished runs must have been as good; more where the order at a checkpoint holds for less than ¾ of pairs."""
_HELD = 0.75
_SPARED_EVERY = 10
_UNFINISHED_IN_A_ROW = 12
_SAMPLE = 3
"""So many runs stop at the first checkpoint before one is trained on; no fewer that train at once are a wave."""
_WAVE, _WAVE_AT, _WORST = 12, 0.2, 0.25


@dataclass(frozen=True)
class Call:
    """The decision at a checkpoint, and why."""

    stop: bool
    explanation: str


Ending = Literal["finished", "stopped", "other"]
"""How a run ended: trained to its end; stopped while its loss was finite; diverged, failed or still running."""

_GOES_ON = Call(False, "")
_NOT_RACED = Call(False, say.rate_alone())
_BEHIND = Call(False, say.few_steps_so_far())


def trust(evidence: Evidence, checkpoint: int) -> float:
    """The share of pairs of finished runs whose order at the checkpoint was the order at the end."""
    usable = evidence.finished & np.isfinite(evidence.curves[:, checkpoint])
    return concordance(evidence.curves[usable, checkpoint], evidence.final[usable])


def decide(
    evidence: Evidence, curve: Floats, number: int, in_a_row: int, full: float = 100.0, *, behind: bool = False
) -> Call:
    """Whether the run with this `curve` (K,), not in the evidence, stops at the checkpoint it has reached.

    `number`: the trial's. `in_a_row`: how many trials before it were stopped since the last one finished. `full`: the
    steps of a full training; in a short one several checkpoints fall onto one step, and the last of them decides.
    `behind`: trials are the budget, and few of their steps were trained (`few_steps_per_trial`): only the worst of a
    large first wave stop.
    """
    checkpoint = int(np.isfinite(curve).sum()) - 1
    if checkpoint < 0 or checkpoint == len(FRACTIONS) - 1:
        return Call(False, "")
    raced = max(sharing_a_step(checkpoint, full).intersection(CHECKPOINTS), default=None)
    if raced is None:
        return _GOES_ON
    if evidence.cube.shape[1] <= 1:
        return _NOT_RACED
    if number % _SPARED_EVERY == _SPARED_EVERY - 1:
        return Call(False, say.spared())
    if in_a_row >= _UNFINISHED_IN_A_ROW:
        return Call(False, say.many_stopped(in_a_row))
    if not evidence.finished.any():
        return _wave(evidence, curve, raced, full, in_a_row, behind)
    return _BEHIND if behind else _race(evidence, curve, raced, full)


def stopped_in_a_row(latest_first: Iterable[Ending]) -> int:
    """How many of the latest runs were stopped since the last one that finished."""
    return sum(ending == "stopped" for ending in takewhile(lambda ending: ending != "finished", latest_first))


def decisive(full: float) -> frozenset[int]:
    """The checkpoints at whose step, in a training of `full` steps, anything is decided."""
    places = range(len(FRACTIONS) - 1)
    return frozenset(place for place in places if sharing_a_step(place, full).intersection(CHECKPOINTS))


def unraced(checkpoint: int, full: float) -> Call:
    """What `decide` says at a checkpoint where the rate is all there is."""
    return _NOT_RACED if sharing_a_step(checkpoint, full).intersection(CHECKPOINTS) else _GOES_ON


def sharing_a_step(checkpoint: int, full: float) -> frozenset[int]:
    """The checkpoints up to this one that fall onto the same step of a training of `full` steps."""
    steps = [steps_at(share, full) for share in FRACTIONS[: checkpoint + 1].tolist()]
    return frozenset(place for place, step in enumerate(steps) if step == steps[-1])


def _race(evidence: Evidence, curve: Floats, checkpoint: int, full: float) -> Call:
    there = evidence.finished & np.isfinite(evidence.curves[:, checkpoint])
    count = int(there.sum())
    trusted = trust(evidence, checkpoint)
    as_good = int((evidence.curves[there, checkpoint] <= curve[checkpoint]).sum())
    cut = _LEAST_CUT + round(count * max(_HELD - trusted, 0.0))
    step = steps_at(float(FRACTIONS[checkpoint]), full)
    if trusted < _NEVER_BELOW:
        return Call(False, say.misled(step, round(full), as_good + 1, count + 1))
    return Call(as_good >= cut, say.raced(step, round(full), as_good + 1, count + 1, cut=cut, held=trusted))


def _wave(evidence: Evidence, curve: Floats, checkpoint: int, full: float, stopped: int, behind: bool) -> Call:
    """Before anything has finished, with so many `stopped` so far.

    One after the other: the first few runs are a sample, trained to the first checkpoint only, and the next that leads
    goes on; what counts as leading widens with each (the secretary problem: Ferguson 1989). Side by side: of a large
    wave the worst quarter stops at a fifth of its training, and no more, in whatever order they report.
    """
    others = evidence.curves[np.isfinite(evidence.curves[:, checkpoint]), checkpoint]
    count, better = len(others), int((others <= curve[checkpoint]).sum())
    standing = steps_at(float(FRACTIONS[checkpoint]), full), round(full), better + 1, count + 1
    if int(evidence.partial.sum()) - stopped >= _SAMPLE:
        worst = count >= _WAVE and FRACTIONS[checkpoint] > _WAVE_AT and better >= (1.0 - _WORST) * count
        stops = worst and stopped < _WORST * count
        return Call(stops, say.first_wave(*standing, stops=stops))
    if behind:
        return _BEHIND
    if checkpoint == CHECKPOINTS[0] and count < _SAMPLE:
        return Call(True, say.sample(*standing, first=_SAMPLE))
    stops = better > max(count - _SAMPLE, 0) // 2
    return Call(stops, say.first_wave(*standing, stops=stops))
