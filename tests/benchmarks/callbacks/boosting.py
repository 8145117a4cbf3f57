"""The small trainings of trees: the pages' on LightGBM and XGBoost, on the diabetes data, early stopping aside."""

from typing import Any

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from lrtune import LeasedTrial
from tests.benchmarks.callbacks.training import Fit

ROUNDS = 100
THREADS = 1
"""A second one waits for the first in a loop, which is no time of the training's."""

_TRAIN_X, _VALID_X, _TRAIN_Y, _VALID_Y = train_test_split(*load_diabetes(return_X_y=True), random_state=0)


def lightgbm(trial: LeasedTrial | None) -> Fit:
    """100 rounds."""
    import lightgbm as framework

    from lrtune.lightgbm import TrialCallback

    params = {"objective": "regression", "metric": "l2", "learning_rate": 0.1, "verbosity": -1, "num_threads": THREADS}
    train = framework.Dataset(_TRAIN_X, _TRAIN_Y)
    valid = train.create_valid(_VALID_X, _VALID_Y)
    callbacks: list[Any] = [] if trial is None else [TrialCallback(trial)]
    return lambda: framework.train(params, train, ROUNDS, valid_sets=[valid], callbacks=callbacks)


def xgboost(trial: LeasedTrial | None) -> Fit:
    """100 rounds."""
    import xgboost as framework

    from lrtune.xgboost import TrialCallback

    callbacks: list[Any] = [] if trial is None else [TrialCallback(trial)]
    model = framework.XGBRegressor(
        n_estimators=ROUNDS, learning_rate=0.3, max_depth=3, n_jobs=THREADS, callbacks=callbacks
    )
    return lambda: model.fit(_TRAIN_X, _TRAIN_Y, eval_set=[(_VALID_X, _VALID_Y)], verbose=False)
