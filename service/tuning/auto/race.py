"""Whether a run that cannot be resumed goes on: a race against what finished, as far as early ranks can be trusted.

Stock rules stop the best learning rates early, since under annealing they look bad at first. Here the study's own
finished curves say how often the order at a checkpoint was the order at the end.
"""

from dataclasses import dataclass

import numpy as np

from service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, steps_at

CHECKPOINTS = (2, 4, 6, 8)
"""Where it is decided: at .06, .12, .22 and .45 of a full training."""

DEAD_AT = (5, 6)
_DEAD_IMPROVEMENT = 0.01
_PRIOR_PAIRS, _PRIOR_TRUST = 6.0, 0.75
_NEVER_BELOW = 0.5
_LEAST_CUT = 1
"""So many finished runs at least must have been as good."""
_SPARED_EVERY = 10
_UNFINISHED_IN_A_ROW = 12
_WAVE, _WAVE_FINISHED = 12, 1


@dataclass(frozen=True)
class Call:
    """The decision at a checkpoint, and why."""

    stop: bool
    explanation: str


def trust(evidence: Evidence, checkpoint: int) -> float:
    """The share of pairs of finished runs whose order at the checkpoint was the order at the end, smoothed toward ¾.

    Kendall 1938; a tie counts half.
    """
    usable = evidence.finished & np.isfinite(evidence.curves[:, checkpoint])
    early, late = evidence.curves[usable, checkpoint], evidence.final[usable]
    product = np.sign(early[:, None] - early) * np.sign(late[:, None] - late)
    upper = np.triu_indices(len(early), 1)
    concordant = float(((product[upper] + 1) / 2).sum())
    return (concordant + _PRIOR_PAIRS * _PRIOR_TRUST) / (len(upper[0]) + _PRIOR_PAIRS)


def decide(evidence: Evidence, curve: Floats, number: int, in_a_row: int, full: float = 100.0) -> Call:
    """Whether the run with this `curve` (K,), not in the evidence, stops at the checkpoint it has reached.

    `number`: the trial's. `in_a_row`: how many trials before it were stopped since the last one finished. `full`: the
    steps of a full training; in a short one several checkpoints fall onto its first step.
    """
    checkpoint = int(np.isfinite(curve).sum()) - 1
    if checkpoint < 0 or checkpoint == len(FRACTIONS) - 1:
        return Call(False, "")
    if steps_at(float(FRACTIONS[checkpoint]), full) > steps_at(float(FRACTIONS[0]), full):
        dead = _dead(evidence, curve, checkpoint)
        if dead.stop:
            return dead
    if checkpoint not in CHECKPOINTS:
        return Call(False, "")
    if evidence.cube.shape[1] <= 1:
        return Call(False, "the rate is all there is: early ranks are not raced")
    if number % _SPARED_EVERY == _SPARED_EVERY - 1:
        return Call(False, "one run in ten trains to its end, to learn from")
    if in_a_row >= _UNFINISHED_IN_A_ROW:
        return Call(False, f"{in_a_row} runs were stopped in a row: this one trains on")
    if evidence.finished.sum() < _WAVE_FINISHED:
        return _wave(evidence, curve, checkpoint)
    return _race(evidence, curve, checkpoint)


def _race(evidence: Evidence, curve: Floats, checkpoint: int) -> Call:
    there = evidence.finished & np.isfinite(evidence.curves[:, checkpoint])
    count = int(there.sum())
    trusted = trust(evidence, checkpoint)
    as_good = int((evidence.curves[there, checkpoint] <= curve[checkpoint]).sum())
    cut = _LEAST_CUT + round(count * (1.0 - trusted))
    at = f"at {FRACTIONS[checkpoint]:.0%} of a training: rank {as_good + 1} of {count + 1}"
    if trusted < _NEVER_BELOW:
        return Call(False, f"{at}; early ranks mislead here (trust {trusted:.2f})")
    return Call(as_good >= cut, f"{at}, cut {cut}; trust {trusted:.2f}")


def _wave(evidence: Evidence, curve: Floats, checkpoint: int) -> Call:
    """Before anything has finished: of a large wave, the worst quarter stops at a fifth of its training."""
    if FRACTIONS[checkpoint] < 0.2:
        return Call(False, "")
    others = evidence.curves[np.isfinite(evidence.curves[:, checkpoint]), checkpoint]
    worse_than = int((others < curve[checkpoint]).sum())
    at = f"at {FRACTIONS[checkpoint]:.0%} of a training: rank {worse_than + 1} of {len(others) + 1}, nothing finished"
    return Call(len(others) >= _WAVE and worse_than >= 0.75 * len(others), at)


def _dead(evidence: Evidence, curve: Floats, checkpoint: int) -> Call:
    """Nothing learned so far, and worse than every finished run."""
    finals = evidence.final[evidence.finished]
    if checkpoint not in DEAD_AT or len(finals) < 2:
        return Call(False, "")
    first, now = float(curve[0]), float(curve[checkpoint])
    size = max(abs(first), float(np.ptp(finals)))
    stop = first - now < _DEAD_IMPROVEMENT * size and now > float(finals.max())
    return Call(stop, f"improved by {first - now:.3g} in {FRACTIONS[checkpoint]:.0%} of a training, and worse than all")
