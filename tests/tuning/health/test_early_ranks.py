"""Do early ranks hold?"""

import math
from collections.abc import Callable
from random import Random

import pytest

from lrtune.service.tuning.health.early_ranks import early_ranks
from lrtune.service.tuning.health.evidence import Trained
from tests.tuning.health.studies import STEPS, evidence, trained

SEEDS = range(100)
THIRD = STEPS // 3


def crossing(agreement: float, count: int, rng: Random, *, stop: bool = False, sign: float = 1.0) -> list[Trained]:
    """Curves whose values at a third have that correlation with the final ones; with `stop`, half are stopped there."""
    trials: list[Trained] = []
    for number in range(count):
        early = rng.gauss(0, 1)
        final = agreement * early + math.sqrt(1 - agreement**2) * rng.gauss(0, 1)
        curve = [9.0 + early] * THIRD + [5.0 + final] * (STEPS - THIRD)
        if stop and number >= 8 and early > 0:
            curve = curve[:THIRD]
        trials.append(trained(number, {"learning_rate": 0.1}, curve, sign=sign))
    return trials


def states(make: Callable[[Random], list[Trained]], **more: object) -> list[str]:
    return [early_ranks(evidence(make(Random(seed)), **more)).state for seed in SEEDS]


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ranks_that_hold_are_found_to(stop: bool, sign: float) -> None:
    spec = {"direction": "minimize" if sign > 0 else "maximize"}
    found = states(lambda rng: crossing(0.9, 60, rng, stop=stop, sign=sign), spec=spec)
    assert found.count("good") >= 90
    assert found.count("bad") <= 5


@pytest.mark.parametrize("stop", [False, True])
def test_ranks_that_mislead_are_found_to(stop: bool) -> None:
    found = states(lambda rng: crossing(-0.3, 80, rng, stop=stop))
    assert found.count("bad") >= 90
    assert found.count("good") == 0


def test_where_nothing_is_stopped_misleading_ranks_harm_nobody() -> None:
    found = states(lambda rng: crossing(-0.3, 80, rng), spec={"pruner": {"name": "none"}})
    assert found.count("look") >= 90


def test_stopping_the_worse_half_is_no_false_alarm_where_ranks_hold_fairly_well() -> None:
    found = states(lambda rng: crossing(0.7, 40, rng, stop=True))
    assert found.count("bad") <= 5


def test_too_little_is_unknown() -> None:
    rng = Random(0)
    assert early_ranks(evidence([])).state == "unknown"
    assert early_ranks(evidence(crossing(0.9, 9, rng))).state == "unknown"
    equal = [trained(n, {"learning_rate": 0.1}, [1.0] * STEPS) for n in range(30)]
    assert early_ranks(evidence(equal)).state == "unknown"
    lost = [trained(n, {"learning_rate": 0.1}, [1.0, math.nan]) for n in range(30)]
    assert early_ranks(evidence(lost)).state == "unknown"
    once = [trained(n, {"learning_rate": 0.1}, [1.0 + n]) for n in range(30)]
    assert early_ranks(evidence(once, full_steps=1)).state == "unknown"
    folds = early_ranks(evidence(crossing(0.9, 60, rng), steps_are_folds=True))
    assert (folds.state, "folds" in folds.says) == ("unknown", True)


def test_the_interval_is_told_with_the_steps() -> None:
    card = early_ranks(evidence(crossing(0.9, 60, Random(0))))
    assert "at step 6 of 20" in card.says
    assert "90 %" in card.says
