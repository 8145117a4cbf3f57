"""Which parameters set the best trials apart by more than chance does: a shuffle test.

Of each parameter the distribution in the best quarter of the trials is held against that in all of them, by the largest
distance between the two (Kolmogorov and Smirnov's). Chance is what as many trials drawn without looking show; several
parameters are judged together, by the largest of theirs (P. H. Westfall and S. S. Young, "Resampling-Based Multiple
Testing", 1993).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_BEST, _SHUFFLES, _LEVEL = 4, 99, 0.95


def apart(columns: Mapping[str, Sequence[float]], choices: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of the columns, a value a trial and the best trial first, the most telling first: those that set the
    best apart, and the others. Values of those among `choices` have no order. A column of one value is left out."""
    varying = {name: np.asarray(values, np.float64) for name, values in columns.items() if len(set(values)) > 1}
    if not varying:
        return [], []
    count = len(next(iter(varying.values())))
    best = -(-count // _BEST)
    draw = np.random.default_rng(0)  # The same trials are always judged alike.
    picks = np.array([np.arange(best), *(draw.permutation(count)[:best] for _ in range(_SHUFFLES))])
    found = np.stack([_distances(values, picks, name in choices) for name, values in varying.items()])
    spread = found[:, 1:].std(axis=1, keepdims=True)
    scores = (found - found[:, 1:].mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-12)
    bar = np.quantile(scores[:, 1:].max(axis=0), _LEVEL)
    names = list(varying)
    ordered = [int(at) for at in np.argsort(-scores[:, 0], kind="stable")]
    return [names[at] for at in ordered if scores[at, 0] > bar], [names[at] for at in ordered if scores[at, 0] <= bar]


def _distances(values: NDArray[np.float64], picks: NDArray[np.int64], unordered: bool) -> NDArray[np.float64]:
    """For each row of picks how far the trials picked are from all."""
    kinds, codes = np.unique(values, return_inverse=True)
    shares = np.bincount(codes, minlength=len(kinds)) / len(values)
    cells = codes[picks] + len(kinds) * np.arange(len(picks))[:, None]
    counted = np.bincount(cells.ravel(), minlength=len(picks) * len(kinds)).reshape(len(picks), len(kinds))
    off = counted / picks.shape[1] - shares
    if not unordered:
        off = np.cumsum(off, axis=1)
    largest: NDArray[np.float64] = np.abs(off).max(axis=1)
    return largest
