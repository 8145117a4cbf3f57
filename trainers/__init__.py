"""What trains: the client of an lrtune service, the worker loop, and example tasks.

    from trainers import Client

    with Client() as client:
        study = client.create_study("mnist", max_trials=30, max_steps=10)
        for trial in study.trials():
            with trial:
                model = build(trial.params["learning_rate"])
                for epoch in range(1, trial.max_steps + 1):
                    trial.report(epoch, train_one_epoch(model))

Names are loaded when first used: importing this package is fast and needs no torch.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.client import Client
    from trainers.errors import (
        LeaseLost,
        LrtuneError,
        ServiceError,
        ServiceUnreachable,
        TaskError,
        TrainingError,
        TrialPaused,
        TrialStopped,
    )
    from trainers.leased import LeasedTrial
    from trainers.optimizers import build_optimizer
    from trainers.study import StudyHandle
    from trainers.task_functions import task
    from trainers.training import fit

__all__ = [
    "Client",
    "LeaseLost",
    "LeasedTrial",
    "LrtuneError",
    "ServiceError",
    "ServiceUnreachable",
    "StudyHandle",
    "TaskError",
    "TrainingError",
    "TrialPaused",
    "TrialStopped",
    "build_optimizer",
    "fit",
    "task",
]

_HOME = {
    "Client": "trainers.client",
    "LeasedTrial": "trainers.leased",
    "StudyHandle": "trainers.study",
    "build_optimizer": "trainers.optimizers",
    "fit": "trainers.training",
    "task": "trainers.task_functions",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, "trainers.errors")), name)
