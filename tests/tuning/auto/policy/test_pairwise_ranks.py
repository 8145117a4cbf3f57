"""Where a new trial begins: comparisons among unequal trials, and what is done with them."""

import numpy as np
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats
from lrtune.service.tuning.auto.policy.pairwise_ranks import promising, shares_lost
from lrtune.service.tuning.auto.policy.rungs import RUNGS, leading, misled
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import build

UNIT = FloatDistribution(0, 1)
SPACE = Space({"learning_rate": FloatDistribution(1e-5, 1.0, log=True), "a": UNIT, "b": UNIT})
END = len(FRACTIONS) - 1


def evidence(curves: list[list[float]], diverged: tuple[int, ...] = ()) -> Evidence:
    shown = np.full((len(curves), len(FRACTIONS)), np.nan)
    for row, curve in enumerate(curves):
        shown[row, : len(curve)] = curve
    bad = np.zeros(len(curves), dtype=bool)
    bad[list(diverged)] = True
    final = np.where(bad, np.nan, shown[:, -1])
    return Evidence(np.random.default_rng(0).random((len(curves), 3)), shown, final, bad)


def test_each_pair_is_compared_where_both_have_come() -> None:
    late = [1.0 - 0.05 * k for k in range(END + 1)]  # Finished at .45, and behind the next one at its first checkpoint.
    found = shares_lost(evidence([late, [0.9], [1.1], [1.1]]))
    np.testing.assert_allclose(found, [1 / 3, 0.0, 5 / 6, 5 / 6])


def test_who_diverged_or_has_no_rival_has_no_rank() -> None:
    assert np.isnan(shares_lost(evidence([[1.0, 0.9]]))).all()
    found = shares_lost(evidence([[1.0], [0.5], [2.0, 0.1]], diverged=(2,)))
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan])
    assert shares_lost(evidence([])).shape == (0,)


def test_a_finished_trial_without_its_curve_is_compared_at_the_end_alone() -> None:
    finished = [1.0] * (END + 1)
    told = evidence([finished, [0.5] * (END + 1), [0.1]])
    told.curves[0] = np.nan
    np.testing.assert_array_equal(shares_lost(told), [1.0, 0.5, 0.0])


def test_many_trials_are_compared_with_an_even_pick() -> None:
    losses = np.random.default_rng(1).permutation(2000) / 2000.0
    found = shares_lost(evidence([[loss] for loss in losses]))
    np.testing.assert_allclose(found, losses, atol=0.07)


def distances(points: Floats) -> Floats:
    found: Floats = ((points - 0.7) ** 2).sum(axis=1)
    return found


def test_new_points_stand_better_than_random_ones_though_most_trials_were_paused_at_once() -> None:
    rng = np.random.default_rng(2)
    told = evidence([[1.0] * (RUNGS[0] + 1) for _ in range(40)])
    told.curves[:, : RUNGS[0] + 1] = (1.0 + distances(told.cube))[:, None]
    model = build(told, SPACE, rng)
    assert model is not None
    chosen = np.array([promising(model, SPACE, np.random.default_rng(seed)).point for seed in range(20)])
    assert np.median(distances(chosen)) < 0.6 * np.median(distances(rng.random((1000, 3))))


def test_promising_points_keep_off_what_diverges_and_follow_a_prior() -> None:
    rng = np.random.default_rng(3)
    cube = rng.random((60, 3))
    rate = SPACE.rate_index
    assert rate is not None
    diverged = cube[:, rate] > 0.6
    curves = np.full((60, len(FRACTIONS)), np.nan)
    better_up_to_the_edge = 1.0 - cube[~diverged, rate]
    curves[~diverged, : RUNGS[1] + 1] = better_up_to_the_edge[:, None]
    model = build(Evidence(cube, curves, np.full(60, np.nan), diverged), SPACE, rng)
    assert model is not None
    rates = [promising(model, SPACE, np.random.default_rng(seed)).point[rate] for seed in range(20)]
    assert max(rates) < 0.65
    assert np.median(rates) > 0.4
    low = np.linspace(0.1, 0.2, 21)
    with_prior = [promising(model, SPACE, np.random.default_rng(seed), quantiles=low).point[rate] for seed in range(20)]
    assert np.median(with_prior) < 0.3


def test_trials_that_diverged_at_once_do_not_promote_the_others_late_in_training() -> None:
    """At the third rung three came; of thirty that diverged at once none did, so one of three goes on, not all."""
    losses = [[loss] * (RUNGS[2] + 1) for loss in (0.1, 0.2, 0.3)]
    told = evidence(losses + [[] for _ in range(30)], diverged=tuple(range(3, 33)))
    waiting = np.arange(3)
    assert leading(told, waiting, RUNGS, least=0).tolist() == [0]
    first = evidence([[loss] * (RUNGS[0] + 1) for loss in (0.1, 0.2, 0.3)] + [[] for _ in range(3)], (3, 4, 5))
    assert leading(first, waiting, RUNGS, least=0).tolist() == [0, 1]


def test_leaders_that_swap_places_mislead_nobody_but_one_from_the_back_that_wins_does() -> None:
    losses = [[0.1 * place] * (RUNGS[0] + 1) for place in range(20)]
    for other, says in ((1, False), (12, True)):
        told = evidence(losses)
        told.curves[0], told.curves[other] = 0.0, 0.1 * other
        told.curves[0, -1], told.curves[other, -1] = -1.0, -2.0
        told.final[[0, other]] = told.curves[[0, other], -1]
        assert misled(told) is says
        told.final[0] = -3.0
        assert not misled(told)
    assert not misled(evidence([]))
