"""A mirror that is thrown away is freed a few trials at a time."""

from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.mirrors import FREED_AT_ONCE, Mirrors
from lrtune.service.storage.memory.trial import TrialMirror


def test_the_trials_of_a_dropped_study_are_let_go_of_a_few_at_a_time() -> None:
    mirrors = Mirrors()
    with mirrors.lock:
        study = mirrors.new_study("s", [StudyDirection.MINIMIZE])
        study.trials = [TrialMirror(number, number, TrialState.COMPLETE) for number in range(2 * FREED_AT_ONCE + 1)]
        mirrors.take_in(study)
        mirrors.drop(study)
    steps = 0
    while mirrors.has_leftovers:
        before = sum(map(len, mirrors._leftovers))
        mirrors.free_some()
        assert 0 < before - sum(map(len, mirrors._leftovers)) <= FREED_AT_ONCE
        steps += 1
    assert steps == 3
    mirrors.free_some()
    assert len(study.trials) == 2 * FREED_AT_ONCE + 1, "whoever reads the study reads on"


def test_a_small_study_goes_at_once() -> None:
    mirrors = Mirrors()
    with mirrors.lock:
        study = mirrors.new_study("s", [StudyDirection.MINIMIZE])
        study.trials = [TrialMirror(number, number, TrialState.COMPLETE) for number in range(FREED_AT_ONCE)]
        mirrors.take_in(study)
        mirrors.drop(study)
    assert not mirrors.has_leftovers
