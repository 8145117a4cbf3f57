"""LightGBM and XGBoost by one face, so that what is promised of one is tested of both."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Data = tuple[Any, Any, Any, Any]
"""Inputs to train on and to measure on, and targets."""


class Booster(Protocol):
    """One of the two; `best_round`, from 0, is of the last training with early stopping."""

    log_loss: str
    fold: str
    best_round: int | None

    def callback(self, trial: Any, metric: str | None = None, **how: Any) -> Any: ...

    def each_round(self, told: Callable[[int], Any]) -> Any: ...

    def train(self, data: Data, rounds: int, callbacks: list[Any], **how: Any) -> list[float]: ...

    def fit(self, data: Data, rounds: int, callbacks: list[Any], **how: Any) -> list[float]: ...

    def cross_validate(self, data: Data, rounds: int, callbacks: list[Any]) -> list[float]: ...


class LightGBM:
    """By its own interface and by that of scikit-learn."""

    log_loss = "binary_logloss"
    fold = "valid"

    def __init__(self) -> None:
        self.best_round: int | None = None

    def callback(self, trial: Any, metric: str | None = None, **how: Any) -> Any:
        from lrtune.lightgbm import TrialCallback

        return TrialCallback(trial, metric, **how)

    def each_round(self, told: Callable[[int], Any]) -> Any:
        def callback(env: Any) -> None:
            told(env.iteration + 1)

        return callback

    def train(
        self,
        data: Data,
        rounds: int,
        callbacks: list[Any],
        *,
        rate: float = 0.1,
        metrics: Sequence[str] = ("l2",),
        measure: bool = True,
        stopping_rounds: int | None = None,
        broken: float | None = None,
    ) -> list[float]:
        import lightgbm

        train_x, valid_x, train_y, valid_y = data
        kept: dict[str, Any] = {}
        params = {
            "learning_rate": rate,
            "metric": list(metrics) or "None",
            "objective": "binary" if set(train_y) == {0, 1} else "regression",
            "verbosity": -1,
            "num_threads": 1,
            "num_leaves": 7,
        }
        stop = [] if stopping_rounds is None else [lightgbm.early_stopping(stopping_rounds, verbose=False)]
        record = [lightgbm.record_evaluation(kept)] if measure else []
        train = lightgbm.Dataset(train_x, train_y)
        model = lightgbm.train(
            params,
            train,
            rounds,
            valid_sets=[train.create_valid(valid_x, valid_y)] if measure else None,
            feval=None if broken is None else lambda _predicted, _data: ("broken", broken, False),
            callbacks=[*callbacks, *record, *stop],
        )
        self.best_round = model.best_iteration - 1 if stop else None
        return next(iter(kept["valid_0"].values()))

    def fit(
        self, data: Data, rounds: int, callbacks: list[Any], *, rate: float = 0.1, stopping_rounds: int = 10
    ) -> list[float]:
        import lightgbm

        train_x, valid_x, train_y, valid_y = data
        model = lightgbm.LGBMRegressor(
            n_estimators=rounds, learning_rate=rate, num_leaves=7, n_jobs=1, verbosity=-1, metric="l2"
        )
        stop = lightgbm.early_stopping(stopping_rounds, verbose=False)
        model.fit(train_x, train_y, eval_X=valid_x, eval_y=valid_y, callbacks=[*callbacks, stop])
        self.best_round = model.best_iteration_ - 1
        return model.evals_result_["valid_0"]["l2"]

    def cross_validate(self, data: Data, rounds: int, callbacks: list[Any]) -> list[float]:
        import lightgbm

        params = {"objective": "regression", "metric": "l2", "verbosity": -1, "num_threads": 1, "num_leaves": 7}
        found = lightgbm.cv(
            params, lightgbm.Dataset(data[0], data[2]), rounds, nfold=3, stratified=False, callbacks=callbacks
        )
        return found["valid l2-mean"]


class XGBoost:
    """By its own interface and by that of scikit-learn."""

    log_loss = "logloss"
    fold = "test"

    def __init__(self) -> None:
        self.best_round: int | None = None

    def callback(self, trial: Any, metric: str | None = None, **how: Any) -> Any:
        from lrtune.xgboost import TrialCallback

        return TrialCallback(trial, metric, **how)

    def each_round(self, told: Callable[[int], Any]) -> Any:
        import xgboost

        class EachRound(xgboost.callback.TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                told(epoch + 1)
                return False

        return EachRound()

    def train(
        self,
        data: Data,
        rounds: int,
        callbacks: list[Any],
        *,
        rate: float = 0.1,
        metrics: Sequence[str] = ("rmse",),
        measure: bool = True,
        stopping_rounds: int | None = None,
        broken: float | None = None,
    ) -> list[float]:
        import xgboost

        train_x, valid_x, train_y, valid_y = data
        kept: dict[str, Any] = {}
        params = {
            "eta": rate,
            "objective": "binary:logistic" if set(train_y) == {0, 1} else "reg:squarederror",
            "nthread": 1,
            "max_depth": 3,
            "eval_metric": list(metrics),
            "disable_default_eval_metric": not metrics,
        }
        model = xgboost.train(
            params,
            xgboost.DMatrix(train_x, train_y),
            rounds,
            evals=[(xgboost.DMatrix(valid_x, valid_y), "valid")] if measure else [],
            custom_metric=None if broken is None else lambda _predicted, _data: ("broken", broken),
            evals_result=kept,
            early_stopping_rounds=stopping_rounds,
            callbacks=callbacks,
            verbose_eval=False,
        )
        self.best_round = model.best_iteration if stopping_rounds else None
        return list(next(iter(kept["valid"].values())))

    def fit(
        self, data: Data, rounds: int, callbacks: list[Any], *, rate: float = 0.1, stopping_rounds: int = 10
    ) -> list[float]:
        import xgboost

        train_x, valid_x, train_y, valid_y = data
        model = xgboost.XGBRegressor(
            n_estimators=rounds,
            learning_rate=rate,
            max_depth=3,
            n_jobs=1,
            eval_metric="rmse",
            early_stopping_rounds=stopping_rounds,
            callbacks=callbacks,
        )
        model.fit(train_x, train_y, eval_set=[(valid_x, valid_y)], verbose=False)
        self.best_round = model.best_iteration
        return list(model.evals_result()["validation_0"]["rmse"])

    def cross_validate(self, data: Data, rounds: int, callbacks: list[Any]) -> list[float]:
        import xgboost

        params = {"objective": "reg:squarederror", "nthread": 1, "max_depth": 3}
        found = xgboost.cv(
            params,
            xgboost.DMatrix(data[0], data[2]),
            rounds,
            nfold=3,
            metrics="rmse",
            callbacks=callbacks,
            as_pandas=False,
        )
        return list(found["test-rmse-mean"])


BOOSTERS: dict[str, Callable[[], Booster]] = {"lightgbm": LightGBM, "xgboost": XGBoost}
"""By extra."""
