"""What a study has seen so far, as arrays."""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FRACTIONS: Floats = np.array([0.02, 0.04, 0.06, 0.09, 0.12, 0.16, 0.22, 0.3, 0.45, 0.6, 0.8, 1.0])
"""The shares of a full training at which curves are compared: closer together early, where most is decided."""

STABLE_FROM = 3
"""The checkpoint (.09) from which on a training that has not diverged is evidence that its rate is stable."""

_PRIOR_TRUST = 0.75


def steps_at(fraction: float, full: float) -> int:
    """The steps that make this share of a full training, at least one."""
    return max(math.floor(fraction * full + 1e-9), 1)


@lru_cache(maxsize=256)
def checkpoint_steps(full: float) -> tuple[int, ...]:
    """The steps at which curves of a training of `full` steps are compared, one for each of `FRACTIONS`."""
    return tuple(steps_at(share, full) for share in FRACTIONS.tolist())


@dataclass(frozen=True)
class Evidence:
    """n trials over d coordinates; losses are lower-is-better.

    `cube` (n, d): the parameters in the unit cube. `curves` (n, K): the best loss until each of `FRACTIONS`, NaN past
    what was trained. `final` (n,): the loss of those that finished, else NaN. `diverged` (n,). A trial with none of
    these is pending: it runs, and has reported nothing yet. `failed` (m, d): where other trials failed, out of memory
    say, which is all that is known of them.
    """

    cube: Floats
    curves: Floats
    final: Floats
    diverged: Bools
    failed: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def finished(self) -> Bools:
        """Trained to the end, shape (n,)."""
        return np.isfinite(self.final) & ~self.diverged

    @property
    def reached(self) -> Ints:
        """The last checkpoint each trial has passed, −1 where none, shape (n,)."""
        passed: Ints = np.isfinite(self.curves).sum(axis=1) - 1
        return passed

    @property
    def partial(self) -> Bools:
        """Neither finished nor diverged, with some of a curve, shape (n,)."""
        return ~self.finished & ~self.diverged & (self.reached >= 0)

    @property
    def pending(self) -> Bools:
        """Running, with nothing reported, shape (n,)."""
        return ~self.finished & ~self.diverged & (self.reached < 0)

    def joined_by(self, curve: Floats) -> "Evidence":
        """The same with one more trial, the last, that runs in the middle of the cube and has this `curve` (K,)."""
        return replace(
            self,
            cube=np.concatenate([self.cube, np.full((1, self.cube.shape[1]), 0.5)]),
            curves=np.concatenate([self.curves, curve[None, :]]),
            final=np.append(self.final, np.nan),
            diverged=np.append(self.diverged, False),
        )


def concordance(first: Floats, second: Floats, prior_pairs: float = 6.0) -> float:
    """The share of pairs in the same order in both (n,), smoothed toward ¾ by so many more; a tie counts half.

    Kendall 1938.
    """
    product = np.sign(first[:, None] - first) * np.sign(second[:, None] - second)
    upper = np.triu_indices(len(first), 1)
    agreeing = float(((product[upper] + 1) / 2).sum())
    return (agreeing + prior_pairs * _PRIOR_TRUST) / (len(upper[0]) + prior_pairs)
