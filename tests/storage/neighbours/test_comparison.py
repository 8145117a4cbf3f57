"""What a look at a study costs those who wait for the lock meanwhile."""

from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.neighbours import comparison
from lrtune.service.storage.neighbours.comparison import known_study, look_through


def _study(*states: TrialState) -> StudyMirror:
    study = StudyMirror(1, "s", [StudyDirection.MINIMIZE])
    study.trials = [TrialMirror(10 + number, number, state) for number, state in enumerate(states)]
    return study


def test_a_look_copies_no_curve() -> None:
    study = _study(TrialState.RUNNING)
    known_study(study)
    assert not study.trials[0].is_frozen


def test_a_trial_that_changed_since_the_look_began_is_known() -> None:
    study = _study(TrialState.RUNNING, TrialState.RUNNING)
    known = known_study(study)
    study.trials[1].touch()
    unchanged = [trial.is_unchanged_since(mark) for trial, _, mark in known.unfinished.values()]
    assert unchanged == [True, False]


def test_a_study_just_loaded_is_looked_through_in_turns() -> None:
    count = comparison._LOOKED_AT_ONCE
    study = _study(*[TrialState.COMPLETE] * count, TrialState.RUNNING, *[TrialState.COMPLETE] * count)
    turns = 1
    while look_through(study):
        turns += 1
    assert turns == 3
    assert list(known_study(study).unfinished) == [10 + count]
