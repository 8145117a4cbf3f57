"""Trials compared in pairs, at the last step that both have reached.

A trial that was stopped has no final loss, and those that were not stopped are the better ones: to compare the final
losses alone would find that a random search improves. So each pair is compared where both still trained, as Gehan 1965
does with censored times: if draws are all alike, either of a pair is as often the better one, whatever stops them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lrtune.service.tuning.auto.evidence import FRACTIONS, checkpoint_steps
from lrtune.service.tuning.auto.observed import curve_of

_LONGEST_READ = 2_000
"""Reports: of a longer curve those at the checkpoints alone are looked at."""


class Told(Protocol):
    """A trial that is over."""

    @property
    def number(self) -> int: ...
    @property
    def outcome(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def loss(self) -> float | None: ...
    @property
    def curve(self) -> Mapping[int, float]: ...


@dataclass(frozen=True)
class Comparison:
    """n trials. `curves` (n, K + 1): the best loss until each checkpoint, then the final loss; inf where it diverged,
    NaN past what was trained. `wins` (n, n): 1 where the trial of the row is better than that of the column, ½ where
    they are the same, NaN where they cannot be compared. `standing` (n,): the share of the others that each beats."""

    trials: Sequence[Told]
    curves: NDArray[np.float64]
    wins: NDArray[np.float64]
    standing: NDArray[np.float64]


def compare(trials: Sequence[Told], full_steps: int | None, sign: float) -> Comparison:
    """The trials that say how good they are, in their order."""
    rows = [(trial, row) for trial in trials if (row := losses_of(trial, full_steps, sign)) is not None]
    curves = np.array([row for _, row in rows]).reshape(len(rows), len(FRACTIONS) + 1)
    columns = np.arange(curves.shape[1])
    reached = np.where(np.isnan(curves), -1, columns).max(axis=1, initial=-1)
    shared = np.minimum(reached[:, None], reached[None, :])
    mine = np.take_along_axis(curves, shared, axis=1) if len(rows) else np.zeros((0, 0))
    wins = np.where(mine < mine.T, 1.0, np.where(mine == mine.T, 0.5, 0.0))
    wins[np.isnan(mine) | np.isnan(mine.T)] = np.nan
    np.fill_diagonal(wins, np.nan)
    known = (~np.isnan(wins)).sum(axis=1)
    standing = np.where(known > 0, np.nansum(wins, axis=1) / np.maximum(known, 1), np.nan)
    return Comparison([trial for trial, _ in rows], curves, wins, standing)


def losses_of(trial: Told, full_steps: int | None, sign: float) -> list[float] | None:
    """The row of a trial in `Comparison.curves`; None where it says nothing."""
    width = len(FRACTIONS)
    if trial.outcome == "diverged":
        return [math.inf] * (width + 1)
    row = [math.nan] * width if full_steps is None else _curve(trial.curve, full_steps, sign)
    final = trial.loss if trial.outcome == "complete" and trial.loss is not None else math.nan
    if math.isnan(final) and all(map(math.isnan, row)):
        return None
    return [*row, final]


def _curve(curve: Mapping[int, float], full_steps: int, sign: float) -> list[float]:
    needed = checkpoint_steps(float(full_steps))
    if len(curve) > _LONGEST_READ:
        curve = {step: curve[step] for step in needed if step in curve}
    return curve_of(curve, sign, needed, 1)
