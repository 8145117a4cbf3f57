"""Optuna with lrtune: `pip install 'lrtune[optuna]'`.

`AutoSampler` and `AutoPruner` search in a study of Optuna's, without a service; `create_study` and `load_study` give a
study of a service as Optuna's `Study` is used.
"""

from lrtune.trainers.integrations.optuna.opening import create_study, load_study
from lrtune.trainers.integrations.optuna.study import Study
from lrtune.trainers.integrations.optuna.trial import Trial

from lrtune.service.tuning.auto import AutoPruner, AutoSampler  # isort: skip (the former say where Optuna is absent)

__all__ = ["AutoPruner", "AutoSampler", "Study", "Trial", "create_study", "load_study"]
