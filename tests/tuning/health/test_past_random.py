"""Is the search past random?"""

from random import Random

import pytest

from lrtune.service.tuning.health.past_random import past_random
from tests.tuning.health.studies import at_random, evidence, narrowing, study, trained, valley

SEEDS = range(100)


@pytest.mark.parametrize("stop", [False, True])
def test_a_search_that_draws_at_random_is_found(stop: bool) -> None:
    curve = valley(1e-2)
    states = [past_random(evidence(study(at_random, curve, 60, Random(s), stop=stop))).state for s in SEEDS]
    assert states.count("good") <= 8  # 5 % is what is aimed at.
    assert states.count("look") >= 88


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_search_that_learns_is_past_random(stop: bool, sign: float) -> None:
    direction = "minimize" if sign > 0 else "maximize"
    states = []
    for seed in SEEDS:
        trials = study(narrowing(1e-2), valley(1e-2), 60, Random(seed), stop=stop, sign=sign)
        states.append(past_random(evidence(trials, spec={"direction": direction})).state)
    assert states.count("good") >= 90
    assert states.count("look") <= 5


def test_few_trials_say_nothing() -> None:
    for count in (0, 1, 19):
        card = past_random(evidence(study(at_random, valley(1e-2), count, Random(0))))
        assert (card.state, card.trials) == ("unknown", [])
        assert f"{count}." in card.says


def test_trials_that_are_all_alike_say_nothing() -> None:
    alike = [trained(n, {"learning_rate": 0.1}, [1.0] * 20) for n in range(60)]
    diverged = [trained(n, {"learning_rate": 0.1}, [1.0, float("nan")]) for n in range(60)]
    assert past_random(evidence(alike)).state == past_random(evidence(diverged)).state == "unknown"


def test_a_sampler_that_learns_nothing_by_design_is_not_blamed() -> None:
    trials = study(at_random, valley(1e-2), 60, Random(0))
    card = past_random(evidence(trials, spec={"sampler": {"name": "random"}}))
    assert card.state == "unknown"
    assert "random does not learn" in card.says


def test_a_search_that_gets_worse_than_its_prior_is_worth_a_look() -> None:
    worse = [trained(n, {"learning_rate": 0.1}, [1.0 + n / 100] * 20) for n in range(60)]
    card = past_random(evidence(worse, has_prior=True))
    assert card.state == "look"
    assert "worse than those, which were drawn by a prior" in card.says
    alike = [trained(n, {"learning_rate": 0.1}, [1.0 + n % 7] * 20) for n in range(60)]
    assert past_random(evidence(alike, has_prior=True)).state == "unknown"
