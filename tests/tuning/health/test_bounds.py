"""Is a bound in the way?"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from lrtune.service.tuning.health.bounds import at_bound
from lrtune.service.wire.range_tests import RangeTestFindings, RuleRates
from tests.tuning.health.studies import MIXED, RATE, at_random, draw_mixed, evidence, narrowing, study, trained, valley

SEEDS = range(100)


@pytest.mark.parametrize("stop", [False, True])
def test_parameters_that_do_not_matter_are_no_alarm(stop: bool) -> None:
    found = [
        at_bound(evidence(study(lambda _, r: draw_mixed(r), valley(1e-2), 60, Random(s), stop=stop), space=MIXED))
        for s in SEEDS
    ]
    assert sum(card.state in ("look", "bad") for card in found) <= 5
    assert sum(card.state == "good" for card in found) >= 90


@pytest.mark.parametrize("best", [1e-2, 1e-3])
def test_a_search_that_closes_in_on_a_rate_within_its_bounds_is_no_alarm(best: float) -> None:
    states = [at_bound(evidence(study(narrowing(best), valley(best), 60, Random(s)))).state for s in SEEDS]
    assert states.count("good") >= 95


@pytest.mark.parametrize(("best", "flag"), [(10.0, "--high 10"), (1e-6, "--low 1e-06")])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_best_rate_beyond_a_bound_is_found_with_a_wider_one(best: float, flag: str, sign: float) -> None:
    spec = {"direction": "minimize" if sign > 0 else "maximize"}
    for draw in (at_random, narrowing(best)):
        found = [at_bound(evidence(study(draw, valley(best), 60, Random(s), sign=sign), spec=spec)) for s in SEEDS]
        assert sum(card.state in ("bad", "look") and flag in card.remedy for card in found) >= 90


def test_another_parameter_at_its_bound_is_found() -> None:
    def curve(params: Mapping[str, Any], rng: Random) -> list[float]:
        end = 1.0 - params["dropout"] + rng.gauss(0, 0.01)
        return [end] * 20

    found = [at_bound(evidence(study(lambda _, r: draw_mixed(r), curve, 60, Random(s)), space=MIXED)) for s in SEEDS]
    told = [card for card in found if card.state == "bad"]
    assert len(told) >= 90
    assert sum("--param dropout=float:0:0.75" in card.remedy for card in told) >= 0.95 * len(told)
    assert all(card.trials for card in told)


def test_no_bound_is_searched_beyond_nought_and_one_or_among_a_handful_of_values() -> None:
    space = {
        "keep": {"type": "float", "low": 0.0, "high": 1.0},
        "depth": {"type": "int", "low": 1, "high": 3},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    }
    card = at_bound(evidence([], space=space))
    assert card.state == "unknown"
    assert "no number" in card.says


def test_few_complete_trials_are_not_enough() -> None:
    trials = study(at_random, valley(10.0), 9, Random(0))
    assert at_bound(evidence(trials)).state == "unknown"
    assert at_bound(evidence([])).state == "unknown"
    lost = [trained(n, {"learning_rate": 0.9}, [1.0, float("nan")]) for n in range(40)]
    assert at_bound(evidence(lost)).state == "unknown"


def test_a_range_test_that_saw_better_rates_beyond_is_believed_before_any_trial() -> None:
    rules = RuleRates(valley=None, steepest=None, slide=None, minimum_over_10=None)
    test = RangeTestFindings(
        suggestions=rules, recommended=None, bounds=None, diverged_at=None, signal=True, reason="", still_falling_at=3.0
    )
    card = at_bound(evidence([], range_tests=(test,)))
    assert (card.state, "--high 10" in card.remedy) == ("look", True)
    within = replace(evidence([]), range_tests=(test.model_copy(update={"still_falling_at": 0.5}),))
    assert at_bound(within).state == "unknown"


def test_a_search_that_has_drawn_nearly_everything_at_a_bound_is_worth_a_look() -> None:
    trials = [trained(n, {"learning_rate": 0.9 + n / 1000}, [1.0 - n / 100] * 20) for n in range(30)]
    assert at_bound(evidence(trials, space=RATE)).state == "look"
