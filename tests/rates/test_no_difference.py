import numpy as np
import pytest

from lrtune.service.rates.no_difference import depends_on_rate

STUDIES = 300


def spread(random: np.random.Generator, count: int) -> np.ndarray:
    """Rates over six decades: spread at random, in a row, or half of them gathered."""
    kind = random.integers(3)
    if kind == 0:
        return 10 ** random.uniform(-6, 0, count)
    if kind == 1:
        return np.geomspace(1e-6, 1, count)
    near = random.uniform(-4, -1) + 0.3 * random.normal(size=count // 2)
    return 10 ** np.concatenate([np.linspace(-6, 0, count - count // 2), np.clip(near, -6, 0)])


def valley(random: np.random.Generator, rates: np.ndarray, noise: float) -> np.ndarray:
    """Losses in a valley somewhere, wide or narrow, round or pointed, even or steeper to the right; 1 above its floor
    far away from it."""
    away = np.log10(rates) - random.uniform(-4.5, -0.5)
    if random.random() < 0.5:
        away = np.where(away > 0, 3 * away, away)
    rise = np.minimum(1.0, (np.abs(away) / random.uniform(0.5, 2.5)) ** random.choice([1, 2]))
    floor = random.choice([0.1, 0.3, 1.0, 3.0])
    return floor + rise + noise * random.normal(size=len(rates))


def alarms(count: int, noise: float | None) -> float:
    """The share of made-up studies in which the rate is said to make no difference; in truth with `noise` None."""
    random, found = np.random.default_rng(count), 0
    for _ in range(STUDIES):
        rates = spread(random, count)
        losses = 1 + 0.05 * random.normal(size=count) if noise is None else valley(random, rates, noise)
        found += not depends_on_rate(rates, losses, np.zeros((count, 0)))
    return found / STUDIES


@pytest.mark.parametrize("noise", [0.02, 0.1])
@pytest.mark.parametrize("count", [8, 12, 20])
def test_of_rates_that_matter_at_most_two_in_a_hundred_are_said_not_to(count: int, noise: float) -> None:
    assert alarms(count, noise) <= 0.02


@pytest.mark.parametrize(("count", "least"), [(8, 0.1), (12, 0.3), (24, 0.5)])
def test_rates_that_do_not_matter_are_found_more_often_the_more_is_known(count: int, least: float) -> None:
    assert alarms(count, None) >= least


def test_losses_that_hardly_differ_are_the_same_unless_they_go_with_the_rate() -> None:
    rates = np.geomspace(1e-6, 1, 12)
    alone = np.zeros((12, 0))
    hardly = 0.5 + 0.005 * np.random.default_rng(0).random(12)
    assert not depends_on_rate(rates, hardly, alone)
    assert not depends_on_rate(rates, np.full(12, 0.5), alone)
    assert depends_on_rate(rates, 0.5 - 0.005 * np.linspace(0, 1, 12), alone)


def test_few_trainings_or_rates_close_together_are_no_evidence() -> None:
    losses = 0.5 + 0.005 * np.random.default_rng(0).random(12)
    assert depends_on_rate(np.geomspace(1e-6, 1, 12)[:7], losses[:7], np.zeros((7, 0)))
    assert depends_on_rate(np.geomspace(1e-3, 1e-2, 12), losses, np.zeros((12, 0)))


def test_what_other_parameters_do_is_taken_out_first() -> None:
    random = np.random.default_rng(0)
    others = random.random((30, 2))
    losses = 1 + others[:, 0] + (others[:, 1] - 0.5) ** 2 + 0.02 * random.normal(size=30)
    rates = 10 ** random.uniform(-6, 0, 30)
    assert not depends_on_rate(rates, losses, others)
    assert depends_on_rate(rates, losses + np.abs(np.log10(rates) + 3), others)
