"""Walls along the rate: where nothing is tried any more, and where something still is."""

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import build
from lrtune.service.tuning.auto.surrogate.walls import walls

RATE = Space({"learning_rate": FloatDistribution(1e-6, 1.0, log=True)})


def walls_of(rates: list[float], losses: list[float]) -> tuple[float, float]:
    """Of trials that ended with these losses, at rates in the unit interval."""
    curves = np.repeat(np.array(losses)[:, None], len(FRACTIONS), axis=1)
    evidence = Evidence(np.array(rates)[:, None], curves, curves[:, -1], np.zeros(len(rates), dtype=bool))
    model = build(evidence, RATE, np.random.default_rng(0))
    assert model is not None
    return walls(model)


def test_a_wall_is_the_outer_of_two_neighbours_that_are_clearly_worse() -> None:
    low, high = walls_of([0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9], [3.0, 2.5, 2.0, 0.1, 2.0, 2.5, 3.0])
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_one_that_is_worse_is_no_wall() -> None:
    assert walls_of([0.3, 0.5, 0.7], [2.0, 0.1, 2.0]) == (0.0, 1.0)


def test_nothing_is_walled_off_beyond_a_rate_that_is_about_as_good() -> None:
    low, _ = walls_of([0.05, 0.15, 0.25, 0.5, 0.75, 0.95], [0.2, 2.0, 2.5, 0.1, 2.0, 2.5])
    assert low == 0.0


def test_where_the_loss_comes_down_again_beyond_a_hump_there_is_no_wall() -> None:
    _, high = walls_of([0.1, 0.2, 0.35, 0.55], [3.8, 3.5, 3.9, 3.8])
    assert high == 1.0
    _, high = walls_of([0.1, 0.2, 0.35, 0.45, 0.55], [3.8, 3.5, 3.9, 4.1, 3.8])
    assert high == 1.0


def test_a_side_that_was_not_tried_is_open() -> None:
    low, high = walls_of([0.1, 0.2, 0.3, 0.4, 0.5], [3.0, 2.5, 2.0, 1.0, 0.1])
    assert low > 0.0
    assert high == 1.0


@pytest.mark.parametrize("best", [-4.0, -2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_trial_is_near_a_bound_where_two_neighbours_say_it_is_hopeless(best: float, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=AutoSampler(seed=seed))
    noise = np.random.default_rng(seed)
    tried: list[tuple[float, float]] = []
    for number in range(16):
        trial = study.ask()
        x = math.log10(trial.suggest_float("learning_rate", 1e-6, 1.0, log=True))
        if number >= 8:
            place, least = min(tried, key=lambda pair: pair[1])
            between = sorted((abs(at - x), loss) for at, loss in tried if min(x, place) < at < max(x, place))[:2]
            assert len(between) < 2 or min(loss for _, loss in between) < 5 * least, (number, x)
        loss = min(0.1 * math.exp((x - best) ** 2), 2.3) * math.exp(noise.normal(0.0, 0.03))
        tried.append((x, loss))
        study.tell(trial, loss)
