"""XGBoost: the callback that trains a leased trial with `xgboost.train`, `xgboost.cv` or an estimator's `fit`."""

from collections.abc import Mapping, Sequence
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.integrations.extras import absent
from lrtune.trainers.integrations.rounds import Rounds

try:
    from xgboost.callback import TrainingCallback
except ImportError as error:
    raise absent("xgboost", error) from error


class TrialCallback(TrainingCallback):
    """Reports what is measured after the rounds, a step each, and ends the training where the service says so.

    `metric` and `data` are names as XGBoost prints them, `rmse` and `validation_0`; leave them out where there is one.
    Each `every`-th round is reported, and that of the trial's `max_steps`; unless told, as many as make 20 reports.

    The trial's value is that of the round which the model predicts with: the best, where early stopping chose one, else
    the last.

    Training raises TrialStopped or LeaseLost where the service ends it, which `with trial:` takes quietly; TrialNotOpen
    outside `with trial:`; InvalidReport where the metric was not measured, or several were, and where a second training
    of this trial begins.
    """

    def __init__(
        self, trial: LeasedTrial, metric: str | None = None, *, data: str | None = None, every: int | None = None
    ) -> None:
        super().__init__()
        self._rounds = Rounds(trial, metric, data, every, remedy="give train evals, or fit eval_set")
        self._begun_with = 0

    def before_training(self, model: Any) -> Any:
        self._rounds.begin()
        self._begun_with = model.num_boosted_rounds() if hasattr(model, "num_boosted_rounds") else 0
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]) -> bool:
        found = {
            (data, metric): _mean(values[-1])
            for data, measured in evals_log.items()
            for metric, values in measured.items()
        }
        self._rounds.measured(epoch + 1, found, last=False)
        return False

    def after_training(self, model: Any) -> Any:
        best = model.attr("best_iteration")
        step = None if best is None else int(best) - self._begun_with + 1
        self._rounds.trial.complete(self._rounds.value_of(step))
        return model


def _mean(value: Any) -> float:
    """Of a cross-validation's mean and standard deviation, the mean."""
    return float(value[0] if isinstance(value, tuple) else value)
