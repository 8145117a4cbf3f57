"""lrtune finds learning rates: a client for training scripts, and the parts of the craft.

    from lrtune import Client

    with Client() as client:
        study = client.create_study("mnist", max_trials=30, max_steps=10)
        for trial in study.trials():
            with trial:
                model = build(trial.params["learning_rate"])
                for epoch in range(1, trial.max_steps + 1):
                    trial.report(epoch, train_one_epoch(model))

Names are loaded when first used: `import lrtune` is fast and needs no torch.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.leased_trial import LeasedTrial
    from lrtune.trainers.client.study import StudyHandle
    from lrtune.trainers.errors import (
        LeaseLost,
        LrtuneError,
        ServiceError,
        ServiceUnreachable,
        TaskError,
        TrainingError,
        TrialPaused,
        TrialStopped,
    )
    from lrtune.trainers.optimizers.build import build_optimizer
    from lrtune.trainers.range_test.sweep import range_test
    from lrtune.trainers.tasks.decorator import task
    from lrtune.trainers.training.fit import fit
    from lrtune.trainers.training.lr_scheduler import ScheduledLR

_HOMES = {
    "Client": "lrtune.trainers.client.client",
    "LeaseLost": "lrtune.trainers.errors",
    "LeasedTrial": "lrtune.trainers.client.leased_trial",
    "LrtuneError": "lrtune.trainers.errors",
    "ScheduledLR": "lrtune.trainers.training.lr_scheduler",
    "ServiceError": "lrtune.trainers.errors",
    "ServiceUnreachable": "lrtune.trainers.errors",
    "StudyHandle": "lrtune.trainers.client.study",
    "TaskError": "lrtune.trainers.errors",
    "TrainingError": "lrtune.trainers.errors",
    "TrialPaused": "lrtune.trainers.errors",
    "TrialStopped": "lrtune.trainers.errors",
    "build_optimizer": "lrtune.trainers.optimizers.build",
    "fit": "lrtune.trainers.training.fit",
    "range_test": "lrtune.trainers.range_test.sweep",
    "task": "lrtune.trainers.tasks.decorator",
}

__all__ = [
    "Client",
    "LeaseLost",
    "LeasedTrial",
    "LrtuneError",
    "ScheduledLR",
    "ServiceError",
    "ServiceUnreachable",
    "StudyHandle",
    "TaskError",
    "TrainingError",
    "TrialPaused",
    "TrialStopped",
    "build_optimizer",
    "fit",
    "range_test",
    "task",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
