"""Trainings to their end by final losses, and how large their share is."""

import numpy as np
import pytest
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.policy import final_losses
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.model import build

SPACE = Space({name: FloatDistribution(0, 1) for name in "xyz"})
COUNT = 14


def studied(early: str, finished: int = COUNT, seed: int = 0) -> Evidence:
    """Trials of a smooth bowl; at first their losses are in the order of the ends, by chance or the very reverse."""
    rng = np.random.default_rng(seed)
    cube = rng.random((COUNT, 3))
    ends = ((cube - 0.6) ** 2).sum(axis=1)
    begun = {"holds": ends + 1.0, "chance": 1.0 + rng.random(COUNT), "reversed": 2.0 - ends}[early]
    curves = ends[:, None] + (begun - ends)[:, None] * (1.0 - FRACTIONS)
    going = np.arange(COUNT) >= finished
    curves[going, 3:] = np.nan
    return Evidence(cube, curves, np.where(going, np.nan, curves[:, -1]), np.zeros(COUNT, dtype=bool))


def learned(evidence: Evidence, **terms: bool) -> final_losses.FinalLosses:
    model = build(evidence, SPACE, np.random.default_rng(0))
    assert model is not None
    none = np.zeros(len(evidence.final), dtype=bool)
    return final_losses.learn(model, none, SPACE.rate_index, np.random.default_rng(0), **terms)


def test_the_share_is_larger_the_worse_early_ranks_told_the_end() -> None:
    shares = {
        early: np.mean([learned(studied(early, seed=s)).share() for s in range(4)])
        for early in ("holds", "chance", "reversed")
    }
    assert shares["holds"] == pytest.approx(final_losses.LEAST_SHARE)
    assert final_losses.LEAST_SHARE < shares["chance"] < shares["reversed"]
    assert shares["reversed"] == pytest.approx(final_losses.MOST_SHARE)


def test_what_is_left_out_is_expected_as_a_process_without_it_does() -> None:
    evidence = studied("holds")
    found = learned(evidence)

    expected = final_losses.left_out(found.process, found.shown)
    for place in (0, 5, 9):
        rest = np.arange(COUNT) != place
        alone = gp.fit(evidence.cube[rest], found.shown[rest], np.zeros(COUNT - 1), found.process.theta, evaluations=0)
        assert expected[place] == pytest.approx(alone.predict(evidence.cube[[place]])[0][0], abs=0.05)


def test_the_next_point_is_near_the_least_end_and_no_point_twice() -> None:
    evidence = studied("holds")
    step = learned(evidence).next(np.zeros(0, dtype=np.int64), SPACE, np.random.default_rng(1), None)
    assert step.trial is None
    assert step.point is not None
    assert float(((step.point - 0.6) ** 2).sum()) < float(np.median(evidence.final))
    assert np.abs(evidence.cube - step.point).max(axis=1).min() > 1e-3


def test_a_waiting_trial_is_taken_where_it_promises_most() -> None:
    evidence = studied("holds", finished=10)
    best = 10 + int(np.argmin(((evidence.cube[10:] - 0.6) ** 2).sum(axis=1)))
    cube = evidence.cube.copy()
    cube[best] = 0.6
    evidence = Evidence(cube, evidence.curves, evidence.final, evidence.diverged)
    found = learned(evidence)
    taken = [found.next(np.arange(10, COUNT), SPACE, np.random.default_rng(seed), None).trial for seed in range(20)]
    assert set(taken) <= {None, best}


def test_it_begins_after_three_or_two_where_ranks_mislead_or_with_few_for_all_that_was_trained() -> None:
    assert [final_losses.begins(studied("holds", finished), mislead=False) for finished in (0, 1, 2, 3)] == [0, 0, 0, 1]
    assert final_losses.begins(studied("holds", 2), mislead=True)
    many = studied("holds", 1)
    for _ in range(4):
        many = Evidence(
            np.concatenate([many.cube, many.cube[1:]]),
            np.concatenate([many.curves, np.where(np.arange(len(FRACTIONS)) < 6, many.curves[1:, :1], np.nan)]),
            np.concatenate([many.final, many.final[1:]]),
            np.concatenate([many.diverged, many.diverged[1:]]),
        )
    assert final_losses.begins(many, mislead=False)


def test_one_more_may_not_be_more_than_its_share() -> None:
    evidence = studied("holds", 9)
    whole = np.zeros(COUNT, dtype=bool)
    trained = 9 + 5 * float(FRACTIONS[2])
    assert final_losses.spent(evidence, whole) == pytest.approx(1 / (trained + 1))
    whole[[0, 12]] = True  # The second runs, and will be trained to its end.
    assert final_losses.spent(evidence, whole) == pytest.approx(3 / (trained + 1 - float(FRACTIONS[2]) + 1))
