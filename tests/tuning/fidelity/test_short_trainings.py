"""The ladder on a study's own trials."""

import math
from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lrtune.service.storage.schema.attributes import LADDER_ATTR
from lrtune.service.tuning.fidelity.ladder import conclude, next_step, trainings
from lrtune.service.tuning.fidelity.short_trainings import climbs, is_short
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire.studies import StudySpec

RATE = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}


def spec(**changed: Any) -> StudySpec:
    told = {"name": "s", "metric": "loss", "search_space": {"learning_rate": RATE}, "max_steps": 90, "prior": "none"}
    return StudySpec.model_validate({**told, **changed})


def trial(number: int, rate: float, steps: int, state: TrialState, value: float | None = None) -> FrozenTrial:
    made = create_trial(
        params={"learning_rate": rate},
        distributions={"learning_rate": FloatDistribution(1e-5, 1.0, log=True)},
        state=state,
        value=value,
        system_attrs={LADDER_ATTR: steps},
    )
    made.number = number
    return made


def snapshot(trials: list[FrozenTrial], **attrs: Any) -> Snapshot:
    return Snapshot(0, "s", [StudyDirection.MINIMIZE], {}, attrs, trials, {})


def test_a_ladder_is_climbed_where_the_rate_is_all_there_is() -> None:
    assert climbs(spec())
    assert not climbs(spec(max_steps=None))
    assert not climbs(spec(max_steps=2))
    assert not climbs(spec(sampler={"name": "tpe"}))
    assert not climbs(spec(pruner={"name": "median"}))
    assert not climbs(spec(search_space={"learning_rate": RATE, "momentum": {"type": "float", "low": 0, "high": 1}}))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_study_climbs_to_its_best_rate_within_its_budget(direction: str) -> None:
    sign, told, trials = (1.0 if direction == "minimize" else -1.0), spec(direction=direction), list[FrozenTrial]()
    while (step := next_step(told, snapshot(trials))).kind == "train":
        assert step.learning_rate is not None
        assert step.steps is not None
        up = 0.25 * math.log(90 / step.steps, 3)
        loss = 0.1 * math.exp((math.log10(step.learning_rate) + 2.5 - up) ** 2)
        trials.append(trial(len(trials), step.learning_rate, step.steps, TrialState.COMPLETE, sign * loss))
    assert step.kind == "done"
    assert sum(one.system_attrs[LADDER_ATTR] for one in trials) <= 3.5 * 90
    assert [is_short(one.system_attrs, 90) for one in trials] == [True] * 9 + [False] * 2
    found = conclude(told, trials, {})
    assert abs(math.log10(found.learning_rate) + 2.5) <= 0.3
    assert found.expected_loss == pytest.approx(sign * 0.1, rel=0.15)


def test_a_given_prior_and_a_range_test_are_its_centre() -> None:
    told = spec(prior={"learning_rate": {"median": 1e-2, "spread_decades": 0.5}})
    step = next_step(told, snapshot([], **{"lrtune:range_test": 1e-4}))
    assert step.learning_rate == pytest.approx(10**-2.75), "1e-3, a quarter decade up"
    assert step.steps == 10


def test_what_runs_waits_or_failed_is_known_and_what_was_stopped_is_not() -> None:
    states = (TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL, TrialState.PRUNED)
    trials = [trial(at, 10.0 ** -(at + 1), 10, state) for at, state in enumerate(states)]
    assert [(one.steps, one.loss) for one in trainings(spec(), trials)] == [(10, None), (10, None), (10, math.inf)]
