"""The posterior along the rate, against responses whose best rate is known."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR
from lrtune.service.tuning.suggesting.posterior.along import _draw
from lrtune.service.tuning.suggesting.posterior.posterior import Posterior, posterior

LOW, HIGH = 1e-5, 10.0
SPACE: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(LOW, HIGH, log=True)}


def complete(rate: float, loss: float) -> FrozenTrial:
    return create_trial(params={"learning_rate": rate}, distributions=SPACE, value=loss)


def diverged(rate: float) -> FrozenTrial:
    return create_trial(
        state=TrialState.PRUNED,
        params={"learning_rate": rate},
        distributions=SPACE,
        system_attrs={DIVERGED_ATTR: 1.0},
    )


def pruned(rate: float, curve: Sequence[float]) -> FrozenTrial:
    return create_trial(
        state=TrialState.PRUNED,
        params={"learning_rate": rate},
        distributions=SPACE,
        intermediate_values=dict(enumerate(curve, start=1)),
    )


def found_in(trials: Sequence[FrozenTrial], **options: bool | int) -> Posterior:
    found = posterior(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate", **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def bowl(best: float, width: float = 1.0) -> Callable[[float], float]:
    return lambda rate: math.log10(rate / best) ** 2 / width


def drawn(generator: np.random.Generator, count: int) -> list[float]:
    return [float(rate) for rate in 10 ** generator.uniform(math.log10(LOW), math.log10(HIGH), count)]


def test_the_interval_covers_the_best_rate_and_shrinks_with_every_trial() -> None:
    covered, widths = [], []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        best = float(10 ** generator.uniform(-4, 0))
        response = bowl(best, float(generator.uniform(0.3, 3)))
        trials = [complete(rate, response(rate) + generator.normal(0, 0.02)) for rate in drawn(generator, 20)]
        for count in (6, 20):
            low, high = found_in(trials[:count]).interval
            covered.append(low <= best <= high)
            widths.append(math.log10(high / low))
    assert 0.7 <= np.mean(covered) <= 1.0
    assert np.mean(widths[1::2]) < 0.6 * np.mean(widths[0::2])


def test_the_middle_of_a_flat_bottom_is_suggested_not_its_luckiest_point() -> None:
    def flat(rate: float) -> float:
        return max(abs(math.log10(rate / 1e-2)) - 1.0, 0.0)

    rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 25)]
    lucky = min(rates, key=lambda rate: abs(math.log10(rate) + 2.9))
    trials = [complete(rate, flat(rate) - (0.002 if rate == lucky else 0.0)) for rate in rates]
    found = found_in(trials)
    assert 3e-3 < found.learning_rate < 4e-2
    assert found.interval[0] < 4e-3
    assert found.interval[1] > 3e-2


def test_rates_that_diverge_are_neither_suggested_nor_in_the_interval() -> None:
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 5e-2]
    trials = [complete(rate, -math.log10(rate)) for rate in rates]
    assert found_in(trials).interval[1] > 1.0
    trials += [diverged(rate) for rate in (0.1, 0.12, 0.3, 1.0, 5.0)]
    found = found_in(trials)
    assert found.learning_rate <= 5.1e-2
    assert found.interval[1] < 0.2


def test_nothing_far_beyond_what_was_trained_is_suggested() -> None:
    trials = [complete(rate, -math.log10(rate)) for rate in (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)]
    assert found_in(trials).learning_rate < 1e-3 * 10**0.6


def test_pruned_trials_tell_as_far_as_they_went() -> None:
    def curve(rate: float, steps: int = 10) -> list[float]:
        return [bowl(1e-2)(rate) + 2.0 / step for step in range(1, steps + 1)]

    def trained(rate: float) -> FrozenTrial:
        return create_trial(
            params={"learning_rate": rate},
            distributions=SPACE,
            value=curve(rate)[-1],
            intermediate_values=dict(enumerate(curve(rate), start=1)),
        )

    few = [trained(rate) for rate in (1e-5, 1e-3, 1.0, 10.0)]
    alone = found_in(few, max_steps=10)
    with_pruned = found_in([*few, *(pruned(rate, curve(rate, 5)) for rate in (1e-4, 0.1, 0.3))], max_steps=10)
    assert math.log(with_pruned.interval[1] / with_pruned.interval[0]) < math.log(alone.interval[1] / alone.interval[0])


@pytest.mark.parametrize(("best", "bound"), [(1e-9, "low"), (1e-2, None), (1e4, "high")])
def test_a_loss_still_falling_at_a_bound_is_told(best: float, bound: str | None) -> None:
    trials = [complete(float(rate), bowl(best)(float(rate))) for rate in np.geomspace(LOW, HIGH, 8)]
    assert found_in(trials).at_bound == bound


def test_without_a_log_scale_or_a_difference_there_is_no_posterior() -> None:
    trials = [complete(rate, 1.0) for rate in (1e-4, 1e-3, 1e-2, 1e-1)]
    assert posterior(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate") is None
    linear: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(LOW, HIGH)}
    shown = [
        create_trial(params={"learning_rate": rate}, distributions=linear, value=rate) for rate in (0.1, 0.2, 0.3, 0.4)
    ]
    assert posterior(shown, linear, {"learning_rate": 0.1}, "learning_rate") is None


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12, 1e150])
def test_the_scale_of_the_losses_does_not_matter(scale: float) -> None:
    rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 9)]
    found = found_in([complete(rate, scale * bowl(1e-2)(rate)) for rate in rates])
    assert found.learning_rate == pytest.approx(1e-2, rel=0.6)


def test_losses_at_the_end_of_what_floats_can_hold_are_no_error() -> None:
    trials = [complete(10.0 ** -(number + 1), loss) for number, loss in enumerate((1e308, -1e308, 0.0, 1e300))]
    found = posterior(trials, SPACE, {"learning_rate": 0.1}, "learning_rate")
    assert found is None or LOW <= found.learning_rate <= HIGH


def test_another_optimizers_trials_do_not_move_the_answer_where_they_differ() -> None:
    space = {**SPACE, "optimizer": CategoricalDistribution(["sgd", "adam"])}
    trials = [
        create_trial(
            params={"learning_rate": float(rate), "optimizer": name},
            distributions=space,
            value=bowl(best)(float(rate)) + worse,
        )
        for name, best, worse in (("sgd", 1.0, 1.0), ("adam", 1e-3, 0.0))
        for rate in np.geomspace(LOW, HIGH, 12)
    ]
    found = posterior(trials, space, {"learning_rate": 1e-3, "optimizer": "adam"}, "learning_rate")
    assert found is not None
    assert 2e-4 < found.learning_rate < 5e-3


def test_nothing_is_suggested_between_the_last_rate_that_trained_and_the_next_which_diverged() -> None:
    """The loss falls up to the edge, and so does what the model expects; a run far above happened to get through."""
    falling = {7.5e-5: 0.98, 9e-4: 0.88, 0.015: 0.525, 0.037: 0.476, 0.077: 0.454, 0.135: 0.437, 0.22: 0.423, 0.3: 0.42}
    trials = [complete(rate, loss) for rate, loss in {1e-5: 0.99, **falling, 2.8: 0.99}.items()]
    found = found_in([*trials, diverged(0.341), diverged(0.355), diverged(9.0)])
    assert 0.1 <= found.learning_rate <= 0.3 * (1 + 1e-9)
    assert found.interval[0] <= found.learning_rate <= found.interval[1]


def test_rates_below_every_divergence_are_trusted_though_a_run_got_through_far_above() -> None:
    """It blurs the boundary: by the model alone none but far lower rates would be safe enough."""
    falling = {1e-5: 1.0, 1e-4: 0.99, 3e-4: 0.97, 1.4e-3: 0.7, 3.6e-3: 0.43, 5e-3: 0.36, 0.013: 0.2, 0.047: 0.08}
    trials = [complete(rate, loss) for rate, loss in {**falling, 0.24: 0.002, 0.27: 0.0003, 0.29: 0.0}.items()]
    edge = [float(rate) for rate in np.geomspace(0.327, 0.9, 25)]
    found = found_in([*trials, complete(3.6, 1.0), *map(diverged, edge)])
    assert 0.1 <= found.learning_rate <= 0.29 * (1 + 1e-9)


def test_among_many_parameters_the_best_trials_own_rate_is_kept_where_it_is_near_the_best() -> None:
    space: dict[str, BaseDistribution] = {
        **SPACE,
        "momentum": FloatDistribution(0, 1),
        "dropout": FloatDistribution(0, 1),
    }
    source = np.random.default_rng(3)
    trials = []
    for _ in range(14):
        params = {"learning_rate": float(10 ** source.uniform(-4, -0.5))}
        params |= {"momentum": float(source.random()), "dropout": float(source.random())}
        loss = math.log10(params["learning_rate"] / 1e-2) ** 2 + params["momentum"] + params["dropout"]
        trials.append(create_trial(params=params, distributions=space, value=loss))
    best = min(trials, key=lambda trial: trial.value or 0.0)
    found = posterior(trials, space, best.params, "learning_rate")
    assert found is not None
    assert abs(math.log10(found.learning_rate / best.params["learning_rate"])) < 0.1


def valley_with_a_cliff(source: np.random.Generator) -> tuple[float, Callable[[float], float]]:
    """It falls slowly, and rises again within a tenth of a decade."""
    best, least, slope = (
        float(10 ** source.uniform(-3.5, -0.5)),
        float(source.uniform(0.02, 0.5)),
        source.uniform(0.5, 2),
    )

    def loss(rate: float) -> float:
        x = math.log10(rate / best)
        fallen = math.exp(min(x, 0.0) / slope)
        return least + (2.3 - least) * (1 - fallen / (1 + math.exp((x - 0.15) / 0.03)))

    return best, loss


GATHERED = {1e-6: 2.30, 1.4e-4: 2.15, 1.1e-3: 1.2, 4.2e-3: 0.31, 6.1e-3: 0.24, 7.2e-3: 0.21, 8.5e-3: 0.199}
GATHERED |= {0.0101: 0.203, 0.0122: 0.212, 0.0201: 0.26, 0.079: 0.67, 1.0: 2.30}
"""Trials that gather at the optimum, as a search makes them do."""


@pytest.mark.parametrize(("scale", "shift", "sign"), [(1, 0, 1), (1e-6, 0, 1), (1e6, 0, 1), (1, -5, 1), (1, 0, -1)])
def test_a_rate_between_measured_ones_that_are_clearly_worse_is_never_inside(
    scale: float, shift: float, sign: float
) -> None:
    space: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(1e-6, 1.0, log=True)}
    trials = [
        create_trial(params={"learning_rate": rate}, distributions=space, value=sign * (scale * loss + shift))
        for rate, loss in GATHERED.items()
    ]
    found = posterior(trials, space, {"learning_rate": 8.5e-3}, "learning_rate", maximizes=sign < 0)
    assert found is not None
    assert 4.2e-3 < found.interval[0] < 8.5e-3 < found.interval[1] < 0.079


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_more_evidence_at_the_best_narrows_the_interval_and_no_far_rate_is_in_it(noise: float) -> None:
    for seed in range(8):
        source = np.random.default_rng(seed)
        best, loss = valley_with_a_cliff(source)
        spread = [float(rate) for rate in np.geomspace(LOW, HIGH, 8)]
        gathered = [float(best * 10 ** source.normal(0, 0.1)) for _ in range(8)]
        losses = {rate: loss(rate) * math.exp(noise * source.normal()) for rate in [*spread, *gathered]}
        few = found_in([complete(rate, losses[rate]) for rate in spread])
        many = found_in([complete(rate, value) for rate, value in losses.items()])
        assert many.share < few.share + 0.02
        for found, rates in ((few, spread), (many, [*spread, *gathered])):
            least = min(losses[rate] for rate in rates)
            far = [rate for rate in rates if losses[rate] >= 3 * least and loss(rate) >= 3 * loss(best)]
            assert not [rate for rate in far if found.interval[0] <= rate <= found.interval[1]]


def test_nothing_beyond_the_rates_that_trained_is_suggested_and_it_is_told_that_the_loss_still_falls() -> None:
    for seed in range(10):
        source = np.random.default_rng(seed)
        best, loss = valley_with_a_cliff(source)
        rates = [float(best * 10 ** -source.uniform(0.05, 2)) for _ in range(7)]
        found = found_in([complete(rate, loss(rate)) for rate in rates])
        assert found.learning_rate <= max(rates) * (1 + 1e-9)
        assert loss(found.learning_rate) <= 1.05 * min(map(loss, rates))
        assert found.beyond == "high"
        assert found.at_bound is None
        assert found.last_tried == pytest.approx((min(rates), max(rates)))


def test_where_a_rate_above_diverged_nothing_is_told_to_lie_beyond() -> None:
    trials = [complete(rate, -math.log10(rate)) for rate in (1e-5, 1e-4, 1e-3, 1e-2)]
    assert found_in(trials).beyond == "high"
    assert found_in([*trials, diverged(0.05)]).beyond is None


def test_without_noise_the_suggestion_is_about_as_good_as_the_best_seen_and_with_it_better() -> None:
    regrets: dict[float, list[tuple[float, float]]] = {0.0: [], 0.15: []}
    for noise, found_regrets in regrets.items():
        for seed in range(24):
            source = np.random.default_rng(seed)
            best, width = float(10 ** source.uniform(-3.5, -0.5)), float(source.uniform(0.5, 2))
            loss = bowl(best, width)
            rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 12) * 10 ** source.uniform(-0.2, 0.2, 12)]
            rates = [min(max(rate, LOW), HIGH) for rate in rates]
            trials = [complete(rate, loss(rate) + noise * source.normal()) for rate in rates]
            seen = min(trials, key=lambda trial: trial.value or 0.0).params["learning_rate"]
            found_regrets.append((loss(found_in(trials).learning_rate), loss(seen)))
    suggested, best_seen = np.mean(regrets[0.0], axis=0)
    assert suggested <= 1.2 * best_seen + 0.005
    suggested, best_seen = np.mean(regrets[0.15], axis=0)
    assert suggested < best_seen


def test_two_valleys_stay_two_where_the_trials_show_both() -> None:
    def loss(rate: float) -> float:
        return min(bowl(1e-4, 0.5)(rate), bowl(0.1, 0.5)(rate) + 0.3, 2.3)

    rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 25)]
    found = found_in([complete(rate, loss(rate)) for rate in rates])
    assert 5e-5 < found.learning_rate < 2e-4
    assert found.interval[1] < 1e-3


def test_a_posterior_of_unfinished_curves_alone_is_wide() -> None:
    def curve(rate: float, steps: int) -> dict[int, float]:
        return {step: bowl(1e-2)(rate) + 0.2 + 2.0 / step for step in range(1, steps + 1)}

    rates = [1e-4, 1e-3, 5e-3, 2e-2, 0.1, 1.0]
    running = [
        create_trial(
            state=TrialState.RUNNING,
            params={"learning_rate": rate},
            distributions=SPACE,
            intermediate_values=curve(rate, 5),
        )
        for rate in rates
    ]
    whole = [complete(rate, curve(rate, 10)[10]) for rate in rates]
    found, told = found_in(running, max_steps=10), found_in(whole, max_steps=10)
    assert 1e-3 < found.learning_rate < 0.1
    assert found.share > told.share
    assert posterior(running[:3], SPACE, {"learning_rate": 1e-3}, "learning_rate", max_steps=10) is None


def valley(rate: float, lowest: float = 0.2) -> float:
    away = math.log10(rate / 1e-2)
    return 2.3 - (2.3 - lowest) * math.exp(-((away / (1.6 if away < 0 else 0.8)) ** 2))


def over_ten_decades(rate: float) -> float:
    return float(10 ** (5 * (valley(rate) - 1.6)))


@pytest.mark.parametrize("loss", [lambda rate: valley(rate, 0.001), over_ten_decades])
@pytest.mark.parametrize("count", [5, 10, 15])
def test_what_is_expected_is_no_better_than_the_best_loss_seen(loss: Callable[[float], float], count: int) -> None:
    losses = {float(rate): loss(float(rate)) for rate in np.geomspace(LOW, 1.0, count)}
    found = found_in([complete(rate, value) for rate, value in losses.items()])
    assert found.expected_loss >= min(losses.values()) * (1 - 1e-9) > 0


def test_the_best_trials_rate_and_those_as_good_are_in_the_interval_and_what_lies_between_them() -> None:
    """Five trials, two of them equally good: the best rate is between them, and nothing was measured there."""
    losses = {1e-5: 2.3, 3e-4: 2.0, 1e-3: 0.89, 0.03: 0.91, 1.0: 2.3}
    low, high = found_in([complete(rate, loss) for rate, loss in losses.items()]).interval
    assert 3e-4 < low < 1e-3 < 0.03 < high < 1.0


def test_the_interval_goes_some_way_to_the_next_rates_tried() -> None:
    """A needle may be in the gap: no other place tells of it."""
    losses = {1e-5: 2.3, 1e-4: 2.2, 1e-3: 1.5, 1e-2: 0.3, 0.1: 1.5, 1.0: 2.2, 10.0: 2.3}
    low, high = found_in([complete(rate, loss) for rate, loss in losses.items()]).interval
    assert 1e-3 < low < 10**-2.3
    assert 10**-1.7 < high < 0.1


def test_three_times_a_small_best_loss_is_outside_though_worse_trials_are_noisy() -> None:
    source = np.random.default_rng(4)
    rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 40)]
    truth = {rate: 1e-3 * 10 ** (2 * abs(math.log10(rate / 1e-2))) for rate in rates}
    trials = [complete(rate, min(loss, 2.3) * math.exp(0.05 * source.normal())) for rate, loss in truth.items()]
    best = min(trial.values[0] for trial in trials)
    low, high = found_in(trials).interval
    assert not [t for t in trials if low <= t.params["learning_rate"] <= high and t.values[0] >= 3.5 * best]


def test_functions_spread_more_where_few_points_tell_how_much() -> None:
    mean, covariance = np.zeros(5), np.eye(5)
    few, many = (_draw(mean, covariance, freedom) for freedom in (5, 10**6))
    assert few.std() > 1.1 * many.std() == pytest.approx(1.1, rel=0.15)


@pytest.mark.parametrize("away", [0, 1, 3])
def test_of_losses_over_ten_decades_no_rate_is_suggested_that_is_many_times_worse(away: int) -> None:
    rates = [1e-5 * 10 ** (6 * k / 9) for k in range(10)]
    best = rates[6 - away]
    losses = [10 ** (10 * min(1.0, abs(math.log10(rate / best)) / 4) - 7) for rate in rates]
    found = found_in([complete(rate, loss) for rate, loss in zip(rates, losses, strict=True)])
    assert found.learning_rate == pytest.approx(best, rel=0.02)
    assert found.expected_loss <= 1e-5
    far = [rate for rate, loss in zip(rates, losses, strict=True) if loss >= 3e-7]
    assert not [rate for rate in far if found.interval[0] <= rate <= found.interval[1]]
