"""A random forest on scikit-learn's handwritten digits, grown a tenth of its trees at a time.

The metric is the validation cross-entropy in nats. A probability of 0 counts as the smallest float instead.
"""

from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss

from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.trees import Parts, TreeTask, on_lease

DEFAULT_TREES = 100


class RandomForest(TreeTask):
    """`n_estimators` (100), `max_depth` (no limit), `min_samples_leaf` (1) and `max_features`, the share of the
    features that a split looks at (their square root).

    Each epoch adds a tenth of the trees; fewer than ten epochs make a smaller forest, further ones are not needed.
    """

    def grow(self, params: Params, epochs: int, seed: int, parts: Parts, report: Report) -> float:
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
            forest.fit(parts.train_inputs, parts.train_labels)
            loss = float(log_loss(parts.valid_labels, forest.predict_proba(parts.valid_inputs)))
            report(epoch, loss)
        return loss


TASK = RandomForest(CATALOGUE["random-forest"])
train = on_lease(TASK)
