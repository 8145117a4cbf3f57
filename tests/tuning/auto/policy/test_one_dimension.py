"""One rate with pausing: which trial goes on while few have finished."""

import numpy as np
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.policy import one_dimension
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import Model, build

RATE = Space({"learning_rate": FloatDistribution(1e-5, 1.0, log=True)})
PLACES = np.linspace(0.04, 0.96, 12)
END = len(FRACTIONS) - 1


def probed(early: np.ndarray, finished: dict[int, float] | None = None, diverged: tuple[int, ...] = ()) -> Evidence:
    """Twelve probes, some of them finished."""
    curves = np.full((12, len(FRACTIONS)), np.nan)
    curves[:, 0] = early
    for place, end in (finished or {}).items():
        curves[place] = early[place] + (end - early[place]) * FRACTIONS
    return Evidence(PLACES[:, None], curves, curves[:, -1], np.isin(np.arange(12), diverged))


def model_of(evidence: Evidence) -> Model:
    model = build(evidence, RATE, np.random.default_rng(0))
    assert model is not None
    return model


def waiting(evidence: Evidence) -> np.ndarray:
    return np.flatnonzero(evidence.partial)


def test_the_best_probes_go_a_little_further_and_the_better_of_them_to_the_end() -> None:
    early = np.abs(PLACES - 0.5) + 1.0
    evidence = probed(early)
    first = one_dimension.by_rank(evidence, waiting(evidence))
    assert (first.trial, first.until) == (int(np.argmin(early)), 3)
    evidence.curves[[5, 6], 1:4] = [[1.0], [0.9]]
    assert one_dimension.by_rank(evidence, waiting(evidence)).trial == 6
    assert one_dimension.by_rank(evidence, waiting(evidence)).until == END


def test_what_covers_the_range_is_not_at_a_bound() -> None:
    evidence = probed(1.0 + PLACES, {0: 0.5})
    step = one_dimension.covering(model_of(evidence), waiting(evidence), None)
    assert step is not None
    assert 0.5 < PLACES[step.trial] < 0.8


def test_what_covers_the_range_is_likely_to_train() -> None:
    evidence = probed(1.0 + PLACES, {0: 0.5}, diverged=(6, 7, 8, 9, 10, 11))
    step = one_dimension.covering(model_of(evidence), waiting(evidence), None)
    assert step is not None
    assert PLACES[step.trial] < PLACES[6]


def test_a_prior_moves_what_counts_as_covered() -> None:
    evidence = probed(1.0 + PLACES, {0: 0.5})
    low = one_dimension.covering(model_of(evidence), waiting(evidence), np.linspace(0.0, 0.3, 101))
    assert low is not None
    assert PLACES[low.trial] < 0.35


def test_ranks_mislead_from_three_finished_on() -> None:
    early = 1.0 + PLACES
    assert not one_dimension.ranks_mislead(probed(early, {0: 0.9, 11: 0.1}), 0)
    assert one_dimension.ranks_mislead(probed(early, {0: 0.9, 6: 0.5, 11: 0.1}), 0)
    assert not one_dimension.ranks_mislead(probed(early, {0: 0.1, 6: 0.5, 11: 0.9}), 0)


def test_runs_on_their_way_to_the_end_count_before_they_are_there() -> None:
    evidence = probed(1.0 + PLACES)
    assert one_dimension.to_the_end(evidence, waiting(evidence)) == 0
    evidence.curves[4, 1:6] = 0.9
    paused = np.setdiff1d(waiting(evidence), [4])
    assert one_dimension.to_the_end(evidence, paused) == 1
    assert one_dimension.to_the_end(evidence, waiting(evidence)) == 0, "one that is paused again does not count"


def test_without_forecasts_only_what_ended_is_believed() -> None:
    evidence = probed(1.0 + PLACES, {0: 0.9, 6: 0.5, 11: 0.1})
    model = one_dimension.unforecast(model_of(evidence), waiting(evidence))
    assert set(np.flatnonzero(np.isfinite(model.ends))) == {0, 6, 11}
