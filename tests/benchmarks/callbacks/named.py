"""The trainings by the name of their framework."""

from importlib.util import find_spec

from tests.benchmarks.callbacks import boosting, trainings
from tests.benchmarks.callbacks.training import Training

TRAININGS: dict[str, Training] = {
    "keras": Training("keras", trainings.keras),
    "lightning": Training("lightning", trainings.lightning),
    "huggingface": Training("transformers", trainings.huggingface),
    "trl": Training("trl", trainings.trl),
    "fastai": Training("fastai", trainings.fastai),
    "lightgbm": Training("lightgbm", boosting.lightgbm, boosting.ROUNDS),
    "xgboost": Training("xgboost", boosting.xgboost, boosting.ROUNDS),
}
"""By extra."""


def installed() -> list[str]:
    """The extras whose frameworks are there."""
    return [extra for extra, training in TRAININGS.items() if find_spec(training.package) is not None]
