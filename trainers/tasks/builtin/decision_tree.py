"""A decision tree on scikit-learn's handwritten digits: nothing here has a learning rate.

The metric is the share of the validation digits that are read wrongly.
"""

from typing import Any

from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.decorator import task
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.splits import Splits

FACTS = CATALOGUE["decision-tree"]


class DecisionTree:
    """`max_depth` (no limit), `min_samples_leaf` (1) and `criterion` (gini), as scikit-learn has them."""

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
        """See `Task`. A tree is grown in one step, however many there may be; `seed` breaks ties between splits."""
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        digits = load_digits()
        train, valid = Splits(labels=digits.target).rows(fold, folds)
        tree = DecisionTreeClassifier(
            max_depth=params.get("max_depth"),
            min_samples_leaf=params.get("min_samples_leaf", 1),
            criterion=params.get("criterion", "gini"),
            random_state=seed,
        ).fit(digits.data[train], digits.target[train])
        wrong = 1.0 - float(tree.score(digits.data[valid], digits.target[valid]))
        if report is not None:
            report(1, wrong)
        return wrong


TASK = DecisionTree()
SEARCH_SPACE: dict[str, dict[str, Any]] = TASK.search_space


@task()
def train(trial: LeasedTrial) -> float:
    """Grows the tree on lease and reports once. The seed is the trial's number."""
    return TASK.fit(trial.params, TASK.default_epochs, trial.number, trial.report)
