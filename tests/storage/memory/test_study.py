"""A study as it is read from the database."""

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.trial import TrialMirror, Work


def asked_by(number: int, request: str, *, leased: bool) -> TrialMirror:
    trial = TrialMirror(number, number, TrialState.RUNNING if leased else TrialState.COMPLETE)
    trial.work = Work(max_steps=3)
    trial.work.request_id, trial.work.leased = request, leased
    return trial


@pytest.mark.parametrize("leased", [0, 1])
def test_a_request_that_was_answered_twice_is_that_of_the_trial_on_lease(leased: int) -> None:
    study = StudyMirror(1, "s", [StudyDirection.MINIMIZE])
    study.enter_all([asked_by(number, "r", leased=number == leased) for number in range(2)])
    assert study.requests["r"] == leased
