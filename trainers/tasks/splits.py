"""Which rows of a data set train and which validate: the same for every trial, so that trials compare in pairs."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

Rows = NDArray[np.intp]

VALIDATION_SHARE = 0.25
SPLIT_SEED = 0


class Splits:
    """Training and validation rows of a data set.

    `labels` [n] are the classes: each part has them in like shares. Without, `size` rows are split as they come.
    """

    def __init__(self, *, labels: NDArray[np.generic] | None = None, size: int | None = None) -> None:
        self._labels = labels
        self._size = len(labels) if labels is not None else int(size or 0)
        self._folds = cache(self._cut)

    def rows(self, fold: int | None = None, folds: int | None = None) -> tuple[Rows, Rows]:
        """Rows to train on and rows to validate on: fold `fold` of 1 … `folds`, or three quarters and one quarter.

        Every row validates in exactly one fold. Raises ValueError.
        """
        if fold is None and folds is None:
            train, valid = train_test_split(
                np.arange(self._size), test_size=VALIDATION_SHARE, random_state=SPLIT_SEED, stratify=self._labels
            )
            return train, valid
        most = self._most_folds()
        if folds is None or not 2 <= folds <= most:
            raise ValueError(f"folds must be between 2 and {most} here, not {folds}")
        if fold is None or not 1 <= fold <= folds:
            raise ValueError(f"fold must be between 1 and {folds}, not {fold}")
        return self._folds(folds)[fold - 1]

    def _most_folds(self) -> int:
        if self._labels is None:
            return self._size
        return int(np.unique(self._labels, return_counts=True)[1].min())

    def _cut(self, folds: int) -> list[tuple[Rows, Rows]]:
        cutter = (KFold if self._labels is None else StratifiedKFold)(folds, shuffle=True, random_state=SPLIT_SEED)
        return list(cutter.split(np.zeros(self._size), self._labels))
