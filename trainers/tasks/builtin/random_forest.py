"""A random forest on scikit-learn's handwritten digits, grown a tenth of its trees at a time.

The metric is the validation cross-entropy in nats. A probability of 0 counts as the smallest float instead.
"""

from typing import Any

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.decorator import task
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.splits import Splits

FACTS = CATALOGUE["random-forest"]
DEFAULT_TREES = 100


class RandomForest:
    """`n_estimators` (100), `max_depth` (no limit), `min_samples_leaf` (1) and `max_features`, the share of the
    features that a split looks at (their square root)."""

    name = FACTS.name
    metric = FACTS.metric
    default_epochs = FACTS.default_epochs
    search_space = FACTS.search_space

    def fit(
        self,
        params: Params,
        epochs: int,
        seed: int,
        report: Report | None = None,
        *,
        fold: int | None = None,
        folds: int | None = None,
    ) -> float:
        """See `Task`. Each epoch adds a tenth of the trees; fewer than ten epochs make a smaller forest, further ones
        are not needed."""
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        digits = load_digits()
        train, valid = Splits(labels=digits.target).rows(fold, folds)
        trees = int(params.get("n_estimators", DEFAULT_TREES))
        forest = RandomForestClassifier(
            n_estimators=0,
            max_depth=params.get("max_depth"),
            min_samples_leaf=params.get("min_samples_leaf", 1),
            max_features=params.get("max_features", "sqrt"),
            random_state=seed,
            warm_start=True,
        )
        loss = 0.0
        for epoch in range(1, min(epochs, self.default_epochs) + 1):
            forest.set_params(n_estimators=max(1, trees * epoch // self.default_epochs))
            forest.fit(digits.data[train], digits.target[train])
            loss = float(log_loss(digits.target[valid], forest.predict_proba(digits.data[valid])))
            if report is not None:
                report(epoch, loss)
        return loss


TASK = RandomForest()
SEARCH_SPACE: dict[str, dict[str, Any]] = TASK.search_space


@task()
def train(trial: LeasedTrial) -> float:
    """Grows the forest on lease; reports after each tenth. The seed is the trial's number."""
    return TASK.fit(trial.params, trial.max_steps or TASK.default_epochs, trial.number, trial.report)
