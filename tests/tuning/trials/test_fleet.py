"""What an ask costs, and gives, where a thousand workers train for one study."""

import asyncio
import math
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR
from lrtune.service.tuning.sampling.snapshots import snapshot_for
from lrtune.service.wire.studies import NewStudy
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial, Reports, Result
from tests.support.tuning import Tuning
from tests.tuning.sampling.test_history import SPACE, study_of

RATE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}
_CROWD = 80


def fleet_of(sampler: str, running: int) -> tuple[NewStudy, StudyMirror]:
    spec = NewStudy.model_validate({"name": "s", "search_space": SPACE, "sampler": {"name": sampler}, "max_steps": 50})
    study = study_of(spec, 300)
    for number in range(300, 300 + running):
        params = {"learning_rate": 1e-3, "depth": 1, "optimizer": "sgd"}
        trial = TrialMirror(number + 1, number, TrialState.RUNNING, params=params)
        trial.distributions = study.trials[0].distributions
        trial.last_step = number % 50
        study.trials.append(trial)
        study.leased[number] = trial
    return spec, study


@pytest.mark.parametrize("sampler", ["auto", "tpe", "gp", "cmaes", "qmc", "random"])
def test_a_draw_is_shown_no_more_of_a_thousand_running_trials_than_of_half_of_them(sampler: str) -> None:
    shown = [len(snapshot_for(*fleet_of(sampler, running)).trials) for running in (500, 1_000)]
    assert abs(shown[1] - shown[0]) <= 10
    assert shown[1] <= 250


def test_the_running_trials_that_came_furthest_are_shown_and_some_of_all_others() -> None:
    shown = {trial.number for trial in snapshot_for(*fleet_of("auto", 1_000)).trials}
    furthest = [number for number in range(300, 1_300) if number % 50 == 49]
    assert len(shown.intersection(furthest)) >= 20
    parts = [sum(number in shown for number in range(first, first + 250)) for first in range(300, 1_300, 250)]
    assert min(parts) >= 6, "no part of the fleet is out of sight"


def test_a_training_again_of_a_trial_that_is_shown_is_shown_too() -> None:
    """Else it would be begun once more."""
    spec, study = fleet_of("auto", 1_000)
    again = study.trials[777]
    best = study.ranking[0][1]
    again.last_step, again.system_attrs = 0, {AGAIN_ATTR: best}
    assert 777 in {trial.number for trial in snapshot_for(spec, study).trials}


# Crowds


@pytest.fixture
def tuning(tmp_path: Path) -> Iterator[Tuning]:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as made:
        yield made


def ask_at_once(tuning: Tuning, count: int, **more: Any) -> list[LeasedTrial]:
    async def all_of_them() -> list[Any]:
        asks = (Ask(worker=f"w{n}", request_id=uuid.uuid4().hex, **more) for n in range(count))
        return await asyncio.gather(*(tuning.trials.ask("s", ask) for ask in asks))

    leased = tuning.run(all_of_them())
    assert all(isinstance(trial, LeasedTrial) for trial in leased)
    return sorted(leased, key=lambda trial: trial.number)


@pytest.mark.parametrize("more", [{}, {"resumable": True}], ids=["", "resumable"])
def test_a_crowd_that_begins_is_spread_evenly_over_the_rates(tuning: Tuning, more: dict[str, Any]) -> None:
    tuning.create(name="s", max_steps=50, search_space=RATE)
    crowd = ask_at_once(tuning, _CROWD, **more)[: _CROWD - 33]
    places = sorted((math.log10(trial.params["learning_rate"]) + 5) / 5 for trial in crowd)
    gaps = [after - before for before, after in pairwise([0.0, *places, 1.0])]
    assert max(gaps) < 3 / len(crowd)


def test_a_crowd_is_of_many_parameters_too_and_no_two_are_alike(tuning: Tuning) -> None:
    tuning.create(name="s", max_steps=50, search_space=SPACE)
    crowd = ask_at_once(tuning, _CROWD)
    assert len({tuple(trial.params.values()) for trial in crowd}) == _CROWD
    assert {trial.params["optimizer"] for trial in crowd} == {"sgd", "adam"}


def test_a_crowd_that_comes_back_to_a_study_that_has_learned_is_drawn_by_its_model(tuning: Tuning) -> None:
    tuning.create(name="s", max_steps=50, search_space=RATE, pruner={"name": "none"})
    for trial in ask_at_once(tuning, 24):
        loss = (math.log10(trial.params["learning_rate"]) + 2.5) ** 2
        body = Reports.model_validate({"lease": trial.lease, "reports": [{"step": 50, "value": loss}]})
        tuning.run(tuning.trials.report("s", trial.number, body))
        result = Result.model_validate({"lease": trial.lease, "state": "complete", "value": loss})
        tuning.run(tuning.trials.result("s", trial.number, result))
    crowd = ask_at_once(tuning, 50)
    first = [math.log10(trial.params["learning_rate"]) for trial in crowd[:5]]
    assert all(abs(rate + 2.5) < 1.2 for rate in first), first


def test_nothing_is_kept_of_a_crowd_that_was_served(tuning: Tuning) -> None:
    tuning.create(name="s", max_steps=50, search_space=RATE)
    ask_at_once(tuning, _CROWD)
    assert not tuning.trials._turns._waiting


def test_asks_that_wait_for_their_turn_are_told_to_come_again_when_the_service_is_about_to_end(tuning: Tuning) -> None:
    """Else it would end seconds later, and its standby take over as late."""
    tuning.create(name="s", max_steps=50, search_space=SPACE)

    async def ask_and_end() -> list[LeasedTrial | NoTrial]:
        asks = (Ask(worker=f"w{n}", request_id=uuid.uuid4().hex) for n in range(_CROWD))
        waiting = [asyncio.ensure_future(tuning.trials.ask("s", ask)) for ask in asks]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        tuning.trials.hurry()
        return await asyncio.gather(*waiting)

    replies = tuning.run(ask_and_end())
    told = [reply for reply in replies if isinstance(reply, NoTrial)]
    assert len(told) > _CROWD / 2
    assert {(reply.done, reply.retry_after_seconds) for reply in told} == {(False, 0.1)}
