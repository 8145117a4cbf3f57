"""What is known of each built-in task before it is loaded; neither torch nor scikit-learn is needed to look at it."""

from dataclasses import dataclass, field
from typing import Any

Space = dict[str, dict[str, Any]]


def _rate(low: float, high: float) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "log": True}


_SGD_OR_ADAM: Space = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": ["sgd"]}},
}
_TREE: Space = {
    "max_depth": {"type": "int", "low": 1, "high": 16},
    "min_samples_leaf": {"type": "int", "low": 1, "high": 64, "log": True},
}

DIGITS: Space = {
    "learning_rate": _rate(1e-5, 10.0),
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    **_SGD_OR_ADAM,
}
"""What the demo searches for `digits`. Wide on purpose: nothing is learned at its lower end, and trainings diverge at
its upper."""


@dataclass(frozen=True)
class Facts:
    """A built-in task, described."""

    name: str
    description: str
    metric: str
    """What is reported; lower is better."""
    default_epochs: int
    """The length of a full training, in steps of the study."""
    search_space: Space = field(repr=False)
    """As in the body of `POST /v1/studies`."""

    @property
    def module(self) -> str:
        """Where its `TASK` and `train` are."""
        return f"lrtune.trainers.tasks.builtin.{self.name.replace('-', '_')}"


CATALOGUE: dict[str, Facts] = {
    facts.name: facts
    for facts in (
        Facts(
            "digits",
            "a multi-layer perceptron on 1,797 handwritten digits of 8 x 8",
            "validation cross-entropy",
            20,
            DIGITS | {"num_layers": {"type": "int", "low": 1, "high": 6}},
        ),
        Facts(
            "digits-cnn",
            "a small convolutional network with batch norm on the same digits",
            "validation cross-entropy",
            8,
            DIGITS | {"weight_decay": _rate(1e-6, 1e-1)},
        ),
        Facts(
            "breast-cancer",
            "logistic regression on 569 tumours, 30 features each",
            "validation cross-entropy",
            20,
            {"learning_rate": _rate(1e-5, 100.0), **_SGD_OR_ADAM, "weight_decay": _rate(1e-6, 1e-1)},
        ),
        Facts(
            "diabetes",
            "linear regression of the standardised progress of 442 patients on 10 features",
            "validation mean squared error",
            20,
            {"learning_rate": _rate(1e-6, 10.0), **_SGD_OR_ADAM, "weight_decay": _rate(1e-6, 1e-1)},
        ),
        Facts(
            "characters",
            "a small transformer that predicts the next character of the standard library's documentation",
            "validation cross-entropy",
            8,
            {
                "learning_rate": _rate(1e-5, 1.0),
                "batch_size": {"type": "categorical", "choices": [16, 32, 64]},
                **_SGD_OR_ADAM,
                "num_layers": {"type": "int", "low": 1, "high": 3},
                "dropout": {"type": "float", "low": 0.0, "high": 0.3},
            },
        ),
        Facts(
            "decision-tree",
            "a decision tree on the digits; it is grown in one step",
            "validation error rate",
            1,
            _TREE | {"criterion": {"type": "categorical", "choices": ["gini", "entropy"]}},
        ),
        Facts(
            "random-forest",
            "a random forest on the digits; a step is a tenth of its trees",
            "validation cross-entropy",
            10,
            {
                "n_estimators": {"type": "int", "low": 10, "high": 200, "log": True},
                **_TREE,
                "max_features": {"type": "float", "low": 0.05, "high": 1.0},
            },
        ),
    )
}
