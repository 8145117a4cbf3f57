"""Whether the study looks for what the metric's better values are: larger ones, or smaller ones."""

import re
import warnings

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import InvalidReport, LrtuneWarning

_LARGER = frozenset(
    (
        *("acc", "accuracy", "auc", "aucpr", "auprc", "auroc", "bleu", "dice", "f1", "iou", "jaccard", "kappa", "map"),
        *("mcc", "ndcg", "precision", "r2", "recall", "rouge", "score", "top1", "top5"),
    )
)
_SMALLER = frozenset(("err", "error", "loss", "mae", "mape", "mse", "nll", "perplexity", "ppl", "rmse", "wer"))


def require_direction(trial: LeasedTrial | SharedTrial, metric: str, *, larger_is_better: bool) -> None:
    """Raises InvalidReport where the framework says that of `metric`, and the study is told the opposite."""
    if larger_is_better is not (trial.direction == "maximize"):
        raise InvalidReport(_told(trial, metric, larger_is_better, "is"))


def warn_of_direction(trial: LeasedTrial | SharedTrial, metric: str) -> None:
    """A LrtuneWarning where the name of `metric` says which values are better, and the study is told the opposite."""
    words = set(re.findall(r"[a-z]+\d*", metric.lower()))
    larger, smaller = not words.isdisjoint(_LARGER), not words.isdisjoint(_SMALLER)
    if larger is not smaller and larger is not (trial.direction == "maximize"):
        warnings.warn(_told(trial, metric, larger, "seems to be"), LrtuneWarning, stacklevel=4)


def _told(trial: LeasedTrial | SharedTrial, metric: str, larger: bool, verb: str) -> str:
    better, wanted = ("larger", "maximize") if larger else ("smaller", "minimize")
    return (
        f"{metric} {verb} better when it is {better}, and the study is to {trial.direction} it: make a study with "
        f'create_study(…, direction="{wanted}", metric="{metric}")'
    )
