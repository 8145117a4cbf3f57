"""How a study came to its best value, as it is kept and as it is read again."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from lrtune.service.storage.memory.progress import Progress
from lrtune.service.storage.memory.tally import Tally
from lrtune.service.storage.memory.trial import TrialMirror
from lrtune.service.wire.trials import Ask, LeasedTrial, Report, Reports, Result
from tests.support.tuning import Tuning

STEPS = 4


def _train(tuning: Tuning, value: float, state: str = "complete", steps: int = STEPS) -> None:
    leased = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=str(tuning.clock.now))))
    assert isinstance(leased, LeasedTrial)
    reports = [Report(step=step, value=value) for step in range(1, steps + 1)]
    tuning.clock.now += 10
    tuning.run(tuning.trials.report("s", leased.number, Reports(lease=leased.lease, reports=reports)))
    body: dict[str, Any] = {"lease": leased.lease, "state": state}
    tuning.run(tuning.trials.result("s", leased.number, Result.model_validate(body)))


def _seen(tuning: Tuning) -> list[tuple[int, float, int, int]]:
    progress = tuning.run(tuning.studies.get("s")).progress
    return [(one.number, one.value, one.mark.ended, one.mark.trained) for one in progress.improvements]


@pytest.fixture
def tuning(tmp_path: Path) -> Any:
    with Tuning(f"sqlite:///{tmp_path}/p.db") as made:
        yield made


def _create(tuning: Tuning, direction: str = "minimize") -> None:
    tuning.create(name="s", max_steps=STEPS, direction=direction, pruner={"name": "none"}, sampler={"name": "random"})


def test_only_what_is_better_than_all_before_is_an_improvement(tuning: Tuning) -> None:
    _create(tuning)
    for value in (3.0, 5.0, 2.0, 2.0, 1.0):
        _train(tuning, value)
    assert _seen(tuning) == [(0, 3.0, 1, 4), (2, 2.0, 3, 12), (4, 1.0, 5, 20)]


def test_a_study_that_maximizes_improves_upwards(tuning: Tuning) -> None:
    _create(tuning, "maximize")
    for value in (3.0, 5.0, 2.0):
        _train(tuning, value)
    assert [value for _, value, _, _ in _seen(tuning)] == [3.0, 5.0]


def test_steps_of_trials_that_failed_are_spent_before_an_improvement(tuning: Tuning) -> None:
    _create(tuning)
    _train(tuning, 3.0)
    _train(tuning, 3.0, "failed", steps=2)
    _train(tuning, 1.0)
    assert _seen(tuning)[-1] == (2, 1.0, 3, 10)


def test_what_is_read_again_is_what_was_kept(tuning: Tuning) -> None:
    _create(tuning)
    for value, state in ((3.0, "complete"), (9.0, "failed"), (2.0, "complete"), (4.0, "complete"), (1.0, "complete")):
        _train(tuning, value, state)
    before = tuning.run(tuning.studies.get("s")).progress
    tuning.forget("s")
    after = tuning.run(tuning.studies.get("s")).progress
    assert after is not before
    assert after == before


def _ended(number: int, value: float) -> TrialMirror:
    return TrialMirror(number, number, TrialState.COMPLETE, values=[value], started_at=0.0, finished_at=float(number))


def test_a_hundred_thousand_improvements_are_kept_as_a_few_hundred() -> None:
    progress, tally = Progress(), Tally()
    for number in range(100_000):
        trial = _ended(number, -float(number))
        tally.add(trial)
        progress.note(trial, tally, 1)
    assert len(progress.improvements) <= 512
    assert len(progress.marks) <= 512
    assert (progress.improvements[0].number, progress.improvements[-1].number) == (0, 99_999)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_value_that_is_not_finite_is_no_improvement(value: float) -> None:
    progress, tally = Progress(), Tally()
    progress.note(_ended(0, value), tally, 1)
    assert progress.improvements == []
    assert len(progress.marks) == 1
