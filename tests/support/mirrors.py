"""Comparing what the engine holds with what Optuna reads from the same database."""

import math
from typing import Any

import optuna
from optuna.trial import FrozenTrial


def fields_of(trial: FrozenTrial) -> dict[str, Any]:
    """All that Optuna knows of a trial, with nan made comparable."""
    return {
        "number": trial.number,
        "trial_id": trial._trial_id,
        "state": trial.state.name,
        "params": trial.params,
        "param_order": list(trial.params),
        "distributions": trial.distributions,
        "values": trial.values,
        "curve": {s: "nan" if math.isnan(v) else v for s, v in sorted(trial.intermediate_values.items())},
        "started": trial.datetime_start,
        "completed": trial.datetime_complete,
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
    }


def read_by_optuna(url: str, study_name: str) -> list[dict[str, Any]]:
    """The study's trials as stock Optuna loads them from the database."""
    storage = optuna.storages.RDBStorage(url)
    try:
        study = optuna.load_study(study_name=study_name, storage=storage)
        return [fields_of(trial) for trial in study.get_trials(deepcopy=False)]
    finally:
        storage.remove_session()
        storage.engine.dispose()
