"""A decision tree on scikit-learn's handwritten digits.

The metric is the share of the validation digits that are read wrongly.
"""

from sklearn.tree import DecisionTreeClassifier

from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.trees import Parts, TreeTask, on_lease


class DecisionTree(TreeTask):
    """`max_depth` (no limit), `min_samples_leaf` (1) and `criterion` (gini), as scikit-learn has them.

    A tree is grown in one step, however many epochs there may be; the seed breaks ties between splits.
    """

    def grow(self, params: Params, epochs: int, seed: int, parts: Parts, report: Report) -> float:
        tree = DecisionTreeClassifier(
            max_depth=params.get("max_depth"),
            min_samples_leaf=params.get("min_samples_leaf", 1),
            criterion=params.get("criterion", "gini"),
            random_state=seed,
        ).fit(parts.train_inputs, parts.train_labels)
        wrong = 1.0 - float(tree.score(parts.valid_inputs, parts.valid_labels))
        report(1, wrong)
        return wrong


TASK = DecisionTree(CATALOGUE["decision-tree"])
train = on_lease(TASK)
