"""Optuna, or why it cannot be had."""

from lrtune.trainers.integrations.extras import absent

try:
    import optuna
except ImportError as error:
    raise absent("optuna", error) from error

__all__ = ["optuna"]
