"""Hugging Face's `Trainer`: a callback that reports evaluations, and a search in place of `hyperparameter_search`."""
