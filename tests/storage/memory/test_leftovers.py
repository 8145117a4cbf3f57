"""A mirror that is thrown away is freed a few trials at a time."""

from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.mirrors import FREED_AT_ONCE, Mirrors
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.trial import TrialMirror


def dropped(mirrors: Mirrors, count: int) -> StudyMirror:
    with mirrors.lock:
        study = mirrors.new_study("s", [StudyDirection.MINIMIZE])
        study.trials.extend(TrialMirror(number, number, TrialState.COMPLETE) for number in range(count))
        mirrors.take_in(study)
        mirrors.drop(study)
    return study


def left(mirrors: Mirrors) -> int:
    return sum(len(trials) for _, trials in mirrors._leftovers)


def test_the_trials_of_a_dropped_study_are_let_go_of_a_few_at_a_time() -> None:
    mirrors = Mirrors()
    dropped(mirrors, 2 * FREED_AT_ONCE + 1)
    steps = 0
    while mirrors.has_leftovers:
        before = left(mirrors)
        mirrors.free_some()
        assert 0 < before - left(mirrors) <= FREED_AT_ONCE
        steps += 1
    assert steps == 3
    mirrors.free_some()


def test_who_reads_a_dropped_study_is_waited_for_and_not_for_ever() -> None:
    now = [0.0]
    mirrors = Mirrors(elapsed=lambda: now[0])
    study = dropped(mirrors, 2 * FREED_AT_ONCE)
    mirrors.free_some()
    assert left(mirrors) == 2 * FREED_AT_ONCE
    now[0] = 100.0
    mirrors.free_some()
    assert left(mirrors) == FREED_AT_ONCE
    assert len(study.trials) == 2 * FREED_AT_ONCE
    del study
    mirrors.free_some()
    assert not mirrors.has_leftovers


def test_a_small_study_goes_at_once() -> None:
    mirrors = Mirrors()
    dropped(mirrors, FREED_AT_ONCE)
    assert not mirrors.has_leftovers
