"""What comes through, by all parameters: walls are seen, and what hangs on no parameter is not taken for one."""

from collections.abc import Callable

import numpy as np
import pytest

from lrtune.service.tuning.auto.evidence import FRACTIONS, Bools, Evidence, Floats
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.feasibility import feasibility
from lrtune.service.tuning.auto.surrogate.model import odds_of

Wall = Callable[[Floats], Bools]
ASKED = np.random.default_rng(99).random((2000, 8))


def one_column(points: Floats) -> Bools:
    return np.asarray(points[:, 1] < 0.7)


def two_columns(points: Floats) -> Bools:
    return np.asarray(points[:, 0] + points[:, 3] < 1.2)


def both_sides(points: Floats) -> Bools:
    return np.asarray(np.abs(points[:, 2] - 0.5) < 0.3)


@pytest.mark.parametrize("trains", [one_column, two_columns, both_sides])
def test_sixty_trainings_show_a_wall_across_any_column_or_between_two(trains: Wall) -> None:
    points = np.random.default_rng(1).random((60, 8))
    found = feasibility(points, trains(points))
    allowed = found.allowed(found.probable(ASKED))
    assert trains(ASKED)[allowed].mean() > 0.97, "what is allowed trains"
    assert allowed[trains(ASKED)].mean() > 0.75, "most of what trains is allowed"


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_failures_whatever_the_parameters_forbid_next_to_nothing(share: float) -> None:
    rng = np.random.default_rng(2)
    points = rng.random((100, 8))
    found = feasibility(points, rng.random(100) > share)
    assert found.allowed(found.probable(ASKED)).mean() > 0.9


@pytest.mark.parametrize("through", [True, False])
def test_where_all_trainings_end_alike_no_point_is_preferred(through: bool) -> None:
    found = feasibility(np.random.default_rng(0).random((30, 8)), np.full(30, through))
    assert (found.probable(ASKED) == 1.0).all()
    assert found.allowed(found.probable(ASKED)).all()
    nothing = feasibility(np.zeros((0, 8)), np.zeros(0, dtype=bool))
    assert (nothing.probable(ASKED) == 1.0).all()


def test_failed_trials_are_evidence_beside_those_that_diverged() -> None:
    points = np.random.default_rng(3).random((60, 3))
    wide, hot = points[:, 0] > 0.7, points[:, 1] > 0.7
    done, failed = points[~wide], points[wide]
    diverged = hot[~wide]
    final = np.where(diverged, np.nan, 1.0)
    curves = np.repeat(final[:, None], len(FRACTIONS), axis=1)
    odds = odds_of(Evidence(done, curves, final, diverged, failed), Space({}))
    asked = np.array([[0.2, 0.2, 0.5], [0.95, 0.2, 0.5], [0.2, 0.95, 0.5]])
    assert odds.allowed(asked).tolist() == [True, False, False]
    assert odds.safe(asked)[0] > 0.85
    assert odds.safe(asked)[1:].max() < 0.3
