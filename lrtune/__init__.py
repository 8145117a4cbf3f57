"""lrtune finds learning rates: a client for training scripts, and the parts of the craft.

    import lrtune

    def train(trial):
        return train_and_measure(trial.params["learning_rate"])

    print(lrtune.tune(train, max_trials=20).suggestion)

That needs no service. With one, many machines take part:

    from lrtune import Client

    with Client() as client:
        study = client.create_study("mnist", max_trials=30, max_steps=10)
        for trial in study.leases():
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
    from lrtune.service.wire.events import StudyChange, StudyGone
    from lrtune.service.wire.range_tests import KeptRangeTestWithCurve
    from lrtune.service.wire.replays import Replay
    from lrtune.service.wire.responses import LearningRateResponse
    from lrtune.service.wire.schedules import Schedule, ScheduleError
    from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, IntParameter
    from lrtune.service.wire.studies import Study, StudySpec, StudyStatus, Suggestion
    from lrtune.service.wire.trials import Checkpoint, Problem, Report, Trial, TrialWithCurve, Verdict
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.leased_trial import LeasedTrial
    from lrtune.trainers.client.pictures.schedules import plot_schedule, schedule_picture
    from lrtune.trainers.client.study import StudyHandle
    from lrtune.trainers.errors import (
        InvalidReport,
        LeaseLost,
        LrtuneError,
        LrtuneWarning,
        NotFound,
        NothingReported,
        ServiceError,
        ServiceUnreachable,
        StudyFileInvalid,
        StudyHalted,
        TaskError,
        TaskKeepsFailing,
        TokenRefused,
        TrainingError,
        TrialNotOpen,
        TrialPaused,
        TrialStopped,
        VersionRefused,
    )
    from lrtune.trainers.optimizers.build import build_optimizer
    from lrtune.trainers.optimizers.clipping import Clipper
    from lrtune.trainers.optimizers.parameter_groups import parameter_groups
    from lrtune.trainers.range_test.result import RangeTest
    from lrtune.trainers.range_test.sweep import range_test
    from lrtune.trainers.tasks.decorator import task
    from lrtune.trainers.training.fit import fit
    from lrtune.trainers.training.lr_scheduler import ScheduledLR
    from lrtune.trainers.training.result import FitResult
    from lrtune.trainers.worker.loop import run
    from lrtune.trainers.worker.tune import TuneResult, tune

_NAMES = {
    "lrtune.service.wire.events": ("StudyChange", "StudyGone"),
    "lrtune.service.wire.range_tests": ("KeptRangeTestWithCurve",),
    "lrtune.service.wire.replays": ("Replay",),
    "lrtune.service.wire.responses": ("LearningRateResponse",),
    "lrtune.service.wire.schedules": ("Schedule", "ScheduleError"),
    "lrtune.service.wire.search_space": ("CategoricalParameter", "FloatParameter", "IntParameter"),
    "lrtune.service.wire.studies": ("Study", "StudySpec", "StudyStatus", "Suggestion"),
    "lrtune.service.wire.trials": ("Checkpoint", "Problem", "Report", "Trial", "TrialWithCurve", "Verdict"),
    "lrtune.trainers.client.client": ("Client",),
    "lrtune.trainers.client.leased_trial": ("LeasedTrial",),
    "lrtune.trainers.client.pictures.schedules": ("plot_schedule", "schedule_picture"),
    "lrtune.trainers.client.study": ("StudyHandle",),
    "lrtune.trainers.errors": (
        *("InvalidReport", "LeaseLost", "LrtuneError", "NotFound", "NothingReported", "ServiceError"),
        *("ServiceUnreachable", "StudyFileInvalid", "StudyHalted", "TaskError", "TaskKeepsFailing", "TokenRefused"),
        *("TrainingError", "TrialNotOpen", "TrialPaused", "TrialStopped", "VersionRefused", "LrtuneWarning"),
    ),
    "lrtune.trainers.optimizers.build": ("build_optimizer",),
    "lrtune.trainers.optimizers.clipping": ("Clipper",),
    "lrtune.trainers.optimizers.parameter_groups": ("parameter_groups",),
    "lrtune.trainers.range_test.result": ("RangeTest",),
    "lrtune.trainers.range_test.sweep": ("range_test",),
    "lrtune.trainers.tasks.decorator": ("task",),
    "lrtune.trainers.training.fit": ("fit",),
    "lrtune.trainers.training.lr_scheduler": ("ScheduledLR",),
    "lrtune.trainers.training.result": ("FitResult",),
    "lrtune.trainers.worker.loop": ("run",),
    "lrtune.trainers.worker.tune": ("TuneResult", "tune"),
}
_OF_THE_TRAINERS = ("numpy", "torch")
"""Packages of the extra `trainers` that those modules begin with."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "CategoricalParameter",
    "Checkpoint",
    "Client",
    "Clipper",
    "FitResult",
    "FloatParameter",
    "IntParameter",
    "InvalidReport",
    "KeptRangeTestWithCurve",
    "LearningRateResponse",
    "LeaseLost",
    "LeasedTrial",
    "LrtuneError",
    "LrtuneWarning",
    "NotFound",
    "NothingReported",
    "Problem",
    "RangeTest",
    "Replay",
    "Report",
    "Schedule",
    "ScheduleError",
    "ScheduledLR",
    "ServiceError",
    "ServiceUnreachable",
    "Study",
    "StudyChange",
    "StudyFileInvalid",
    "StudyGone",
    "StudyHalted",
    "StudyHandle",
    "StudySpec",
    "StudyStatus",
    "Suggestion",
    "TaskError",
    "TaskKeepsFailing",
    "TokenRefused",
    "TrainingError",
    "Trial",
    "TrialNotOpen",
    "TrialPaused",
    "TrialStopped",
    "TrialWithCurve",
    "TuneResult",
    "Verdict",
    "VersionRefused",
    "build_optimizer",
    "fit",
    "parameter_groups",
    "plot_schedule",
    "range_test",
    "run",
    "schedule_picture",
    "task",
    "tune",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name not in _OF_THE_TRAINERS:
            raise
        raise ModuleNotFoundError(
            f"lrtune.{name} needs {missing.name}: pip install 'lrtune[trainers]'", name=missing.name, path=missing.path
        ) from missing


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
