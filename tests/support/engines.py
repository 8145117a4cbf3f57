"""Studies and trials, made with an engine alone."""

from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror

RATE = FloatDistribution(1e-5, 1.0, log=True)


def new_study(engine: Engine, name: str = "s") -> StudyMirror:
    """A study without a spec, on disk."""
    with engine.lock:
        study = engine.new_study(name, [StudyDirection.MINIMIZE])
        with engine.change(study) as change:
            change.create_study(None)
    change.wait()
    return study


def running_trial(engine: Engine, study: StudyMirror, rate: float = 0.1) -> TrialMirror:
    """A trial that runs, not in the study yet. Within a change of the study."""
    trial = TrialMirror(engine.new_trial_id(), len(study.trials), TrialState.RUNNING)
    trial.params, trial.distributions = {"learning_rate": rate}, {"learning_rate": RATE}
    return trial


def add_trial(engine: Engine, study: StudyMirror) -> Change:
    """Add a trial that runs; wait for the change."""
    with engine.change(study) as change:
        change.add_trial(running_trial(engine, study))
    return change
