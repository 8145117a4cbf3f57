"""Hugging Face's `Trainer` with lrtune: `pip install 'lrtune[huggingface]'`."""

from lrtune.trainers.integrations.huggingface.callback import TrialCallback
from lrtune.trainers.integrations.huggingface.search import hyperparameter_search

__all__ = ["TrialCallback", "hyperparameter_search"]
