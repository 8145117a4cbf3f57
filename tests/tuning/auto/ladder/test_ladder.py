"""The ladder of short trainings: its budget, its bounds, its order, and that it finds valleys."""

import math
import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.tuning.auto.ladder.ladder import (
    BUDGET,
    Answer,
    Centre,
    Training,
    answer,
    centre_of,
    counts,
    lengths_of,
    next_training,
)

LOW, HIGH, STEPS = 1e-5, 10.0, 90
Loss = Callable[[float, int], float]


def valley(best: float, shift: float = 0.25, edge: float = math.inf, floor: float = 0.05) -> Loss:
    """The final loss over log10 rate and length: least at `best` for 90 steps, `shift` decades higher for a third;
    from `edge` on diverged."""

    def loss(rate: float, steps: int) -> float:
        up = shift * math.log(STEPS / steps) / math.log(3)
        if math.log10(rate) >= edge + up:
            return math.inf
        return floor * (STEPS / steps) ** 0.5 * math.exp(1.5 * min((math.log10(rate) - best - up) ** 2, 2.0))

    return loss


def climb(
    loss: Loss, *, centre: Centre | None = None, workers: int = 1, budget: float = BUDGET, low: float = LOW
) -> list[Training]:
    """All trainings of a ladder. The workers begin at once and end in turn, the shortest trainings first."""
    found: list[Training] = []
    while True:
        step = next_training(found, low=low, high=HIGH, max_steps=STEPS, centre=centre, budget=budget)
        under_way = [place for place, one in enumerate(found) if one.loss is None]
        if step.kind == "train" and len(under_way) < workers:
            assert step.learning_rate is not None
            assert step.steps is not None
            found.append(Training(step.learning_rate, step.steps, None))
        elif under_way:
            place = min(under_way, key=lambda at: found[at].steps)
            one = found[place]
            found[place] = Training(one.learning_rate, one.steps, loss(one.learning_rate, one.steps))
        else:
            assert step.kind == "done"
            return found


def conclude(trainings: list[Training], centre: Centre | None = None) -> Answer:
    return answer(trainings, low=LOW, high=HIGH, max_steps=STEPS, centre=centre)


def decades(found: Answer, best: float) -> float:
    return abs(math.log10(found.learning_rate) - best)


def test_a_ladder_has_three_lengths_or_as_many_as_there_are_steps() -> None:
    assert [lengths_of(n) for n in (90, 30, 9, 3, 2, 1)] == [
        (10, 30, 90),
        (3, 10, 30),
        (1, 3, 9),
        (1, 3),
        (2,),
        (1,),
    ]
    with pytest.raises(ValueError, match="at least 1, not 0"):
        lengths_of(0)


@given(st.integers(1, 2000), st.floats(1.0, 30.0))
def test_the_plan_costs_no_more_than_its_budget_and_has_a_full_training(max_steps: int, budget: float) -> None:
    plan = counts(max_steps, budget)
    assert plan[-1] >= 1
    assert min(plan) >= 0
    assert (
        sum(many * steps for many, steps in zip(plan, lengths_of(max_steps), strict=True)) <= budget * max_steps + 1e-6
    )


def test_three_and_a_half_trainings_are_seven_ninths_two_thirds_and_two() -> None:
    assert counts(90) == (7, 2, 2)
    assert counts(90, 3.0) == (9, 3, 1)
    assert counts(1) == (3,)


outcome = st.one_of(st.none(), st.floats(-5, 50), st.just(math.inf), st.just(math.nan))
some = st.builds(Training, st.floats(LOW, HIGH), st.sampled_from([10, 30, 90, 45]), outcome)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(some, max_size=10),
    st.one_of(st.none(), st.floats(1e-9, 1e3)),
    st.floats(0.5, 8.0),
    st.randoms(use_true_random=False),
)
def test_whatever_was_trained_the_next_is_in_bounds_and_budget_and_order_is_nothing(
    trainings: list[Training], centre: float | None, budget: float, shuffle: random.Random
) -> None:
    middle = None if centre is None else Centre(centre)
    following = partial(next_training, low=LOW, high=HIGH, max_steps=STEPS, centre=middle, budget=budget)
    step, found = following(trainings), conclude(trainings, middle)
    shuffled = list(trainings)
    shuffle.shuffle(shuffled)
    assert following(shuffled) == step
    assert conclude(shuffled, middle) == found
    assert LOW <= found.learning_rate <= HIGH
    if step.kind == "train":
        assert step.learning_rate is not None
        assert step.steps in lengths_of(STEPS)
        assert LOW <= step.learning_rate <= HIGH
        assert sum(one.steps for one in trainings) + step.steps <= budget * STEPS + 1e-6
    else:
        assert step.learning_rate is None


@pytest.mark.parametrize("best", [-4.0, -2.5, -1.1, 0.5])
@pytest.mark.parametrize("off", [-0.6, 0.0, 0.6])
def test_a_valley_is_found_from_a_centre_that_is_off(best: float, off: float) -> None:
    centre = Centre(10 ** (best + off))
    trainings = climb(valley(best), centre=centre)
    assert sum(one.steps for one in trainings) <= BUDGET * STEPS
    found = conclude(trainings, centre)
    assert decades(found, best) <= 0.26
    assert found.expected_loss == pytest.approx(valley(best)(found.learning_rate, STEPS), rel=0.15)


@pytest.mark.parametrize("best", [-3.5, -2.0, -0.4])
def test_a_valley_is_found_without_a_centre(best: float) -> None:
    assert decades(conclude(climb(valley(best))), best) <= 0.3


@pytest.mark.parametrize("shift", [0.0, 0.125, 0.25, 0.4])
def test_how_far_rates_move_down_is_learned(shift: float) -> None:
    centre = Centre(1e-2)
    assert decades(conclude(climb(valley(-2.2, shift), centre=centre), centre), -2.2) <= 0.3


def test_a_valley_below_an_edge_is_found_and_nothing_is_trained_in_full_where_shorter_ones_diverged() -> None:
    loss, centre = valley(-1.5, edge=-1.1), Centre(10**-0.7)
    trainings = climb(loss, centre=centre)
    lowest = min(one.learning_rate for one in trainings if one.loss == math.inf)
    assert all(one.learning_rate < lowest for one in trainings if one.steps == STEPS)
    assert decades(conclude(trainings, centre), -1.5) <= 0.3


def test_the_edge_is_taken_to_fall_a_quarter_decade_for_three_times_the_length() -> None:
    short = [Training(10 ** (-2.75 + 0.25 * place), 10, 0.8 - 0.1 * place) for place in range(6)]
    third = [Training(10**-1.5, 30, 0.1), Training(10**-1.75, 30, 0.2)]
    following = partial(next_training, low=LOW, high=HIGH, max_steps=STEPS)
    for edge, highest in ((-0.75, -1.5), (-1.25, -2.0)):
        step = following([*short, Training(10**edge, 10, math.inf), *third])
        assert (step.learning_rate, step.steps) == (pytest.approx(10**highest), 90)


def test_where_all_diverge_it_goes_down_and_finds_what_does_not() -> None:
    trainings = climb(valley(-4.0, edge=-3.5), centre=Centre(1e-1))
    full = [one for one in trainings if one.steps == STEPS]
    assert any(one.loss is not None and math.isfinite(one.loss) for one in full)
    everything = climb(lambda rate, steps: math.nan, centre=Centre(1e-1))
    assert conclude(everything).learning_rate < min(one.learning_rate for one in everything)
    assert conclude(everything).expected_loss is None


def test_any_number_of_workers_trains_the_same() -> None:
    loss, centre = valley(-2.5), Centre(1e-2)
    alone = {(one.learning_rate, one.steps) for one in climb(loss, centre=centre)}
    for workers in (2, 4, 16):
        assert {(one.learning_rate, one.steps) for one in climb(loss, centre=centre, workers=workers)} == alone


def test_losses_below_zero_are_searched_as_well_as_their_like_above() -> None:
    above, centre = valley(-2.5, floor=1.0), Centre(1e-2)
    trainings = climb(lambda rate, steps: above(rate, steps) - 100.0, centre=centre)
    assert decades(conclude(trainings, centre), -2.5) <= 0.3


def test_what_is_answered_before_a_full_training_has_ended() -> None:
    centre = Centre(1e-2)
    assert conclude([], centre).learning_rate == pytest.approx(1e-2)
    assert conclude([]).learning_rate == pytest.approx(math.sqrt(LOW * HIGH))
    short = [one for one in climb(valley(-2.5), centre=centre) if one.steps < STEPS]
    early = conclude(short, centre)
    assert decades(early, -2.5) <= 0.4
    assert (early.expected_loss, early.steps) == (None, 30)


def test_the_answer_is_never_above_what_was_trained_in_full() -> None:
    falling = [Training(10**x, 90, 2.0 - x) for x in (-3.0, -2.75)]
    falling += [Training(10**x, 10, 2.0 - x) for x in (-3.0, -2.0, -1.0, 0.0)]
    assert conclude(falling).learning_rate == pytest.approx(10**-2.75)


def test_the_centre_is_the_log_mean_of_what_there_is() -> None:
    assert centre_of(None, None) is None
    assert centre_of(1e-2, None, 0.75) == Centre(pytest.approx(1e-2), 0.75)
    both = centre_of(1e-2, 1e-4, 0.75)
    assert both is not None
    assert both.learning_rate == pytest.approx(1e-3)
    assert both.decades == 0.5


@pytest.mark.parametrize(
    "losses",
    [[1.0] * 5, [0.0] * 5, [1e308, 1e-308, 1.0, 2.0, 3.0], [-1e308, 1e308, 0.0, 1.0, 2.0], [math.inf] * 4 + [1.0]],
)
def test_whatever_the_losses_are_there_is_an_answer_within_its_interval(losses: list[float]) -> None:
    trained = [Training(10.0 ** (place - 4), 10, loss) for place, loss in enumerate(losses)]
    with np.errstate(all="ignore"):
        step = next_training(trained, low=LOW, high=HIGH, max_steps=STEPS)
        found = answer(trained, low=LOW, high=HIGH, max_steps=STEPS)
    assert step.learning_rate is not None
    assert LOW <= step.learning_rate <= HIGH
    assert found.interval is not None
    assert LOW <= found.interval[0] <= found.learning_rate <= found.interval[1] <= HIGH


def test_the_interval_is_narrower_the_longer_the_trainings_were() -> None:
    trained = climb(valley(-2.0), centre=Centre(0.01))
    widths = []
    for count in (7, 9, len(trained)):
        found = answer(trained[:count], low=LOW, high=HIGH, max_steps=STEPS)
        assert found.interval is not None
        assert found.interval[0] <= 0.01 <= found.interval[1]
        widths.append(math.log10(found.interval[1] / found.interval[0]))
    assert widths[0] > widths[1] > widths[2]
    assert answer([], low=LOW, high=HIGH, max_steps=STEPS).interval is None


def test_trainings_of_others_cost_the_ladder_nothing_and_it_does_not_wait_for_them() -> None:
    others = [Training(0.1, STEPS, 0.5, ours=False)] * 3 + [Training(0.2, STEPS, None, ours=False)]
    found, loss = list(others), valley(-2.0)
    while (step := next_training(found, low=LOW, high=HIGH, max_steps=STEPS)).kind == "train":
        assert step.learning_rate is not None
        assert step.steps is not None
        found.append(Training(step.learning_rate, step.steps, loss(step.learning_rate, step.steps)))
    assert step.kind == "done"
    assert [one.steps for one in found[len(others) :]] == [10] * 7 + [30] * 2 + [90] * 2
