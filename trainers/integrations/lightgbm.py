"""LightGBM: the callback that trains a leased trial with `lightgbm.train`, `lightgbm.cv` or an estimator's `fit`."""

from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.integrations.extras import absent
from lrtune.trainers.integrations.rounds import Rounds

try:
    import lightgbm  # noqa: F401
except ImportError as error:
    raise absent("lightgbm", error) from error


class TrialCallback:
    """Reports what is measured after the rounds, a step each, and ends the training where the service says so.

    `metric` and `data` are names as LightGBM prints them, `l2` and `valid_0`; leave them out where there is one. Each
    `every`-th round is reported, and the last; unless told, as many as make 20 reports.

    The trial's value is that of the round which the model predicts with: the best, where early stopping chose one, else
    the last.

    Training raises TrialStopped or LeaseLost where the service ends it, which `with trial:` takes quietly; TrialNotOpen
    outside `with trial:`; InvalidReport where the metric was not measured, or several were, and where a second training
    of this trial begins.
    """

    def __init__(
        self, trial: LeasedTrial, metric: str | None = None, *, data: str | None = None, every: int | None = None
    ) -> None:
        self.order, self.before_iteration = 25, False  # Early stopping has 30, and may end the training in this round.
        self._rounds = Rounds(trial, metric, data, every, remedy="give train valid_sets, or fit eval_set")

    def __call__(self, env: Any) -> None:
        """After each round; `env` is LightGBM's CallbackEnv."""
        if env.iteration == env.begin_iteration:
            self._rounds.begin()
            self._rounds.trial.complete_with(lambda: self._rounds.value_of(_best_step(env.model)))
        measured = env.evaluation_result_list or ()
        found = {(one.dataset_name, one.metric_name): one.metric_value for one in measured}
        larger = {one.metric_name: bool(one.maximize) for one in measured}
        step = env.iteration + 1
        self._rounds.measured(step, found, last=step == env.end_iteration, larger_is_better=larger)


def _best_step(model: Any) -> int | None:
    """The round that early stopping chose; None without. Known once the training has ended."""
    best = int(model.best_iteration)
    return best if best > 0 else None
