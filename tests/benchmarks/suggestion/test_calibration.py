"""The table of what intervals hold, on responses whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.conftest import Bench
from tests.benchmarks.suggestion.calibration import Job, jobs_of, measure_one
from tests.benchmarks.suggestion.made_up import DESIGNS, GRID, HIGH, LOW, SHAPES, Response, design, made_up

BOWL = Response("bowl", GRID, 0.2 + 0.3 * (GRID + 2) ** 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_made_up_response_is_lowest_at_its_best_place_and_above_nought(shape: str) -> None:
    response = made_up(shape, 0.0, np.random.default_rng(5))
    assert 0 < response.least == pytest.approx(response.loss(response.best_place))
    assert response.regret(response.best_place) == 0.0
    assert LOW < response.best_place < HIGH


def test_runs_are_noisy_only_where_they_are_told_to_be() -> None:
    rng = np.random.default_rng(0)
    assert BOWL.measured(-3.0, rng) == pytest.approx(0.5)
    noisy = Response("bowl", GRID, BOWL.truth, noise=0.1)
    assert np.std([np.log(noisy.measured(-3.0, rng)) for _ in range(400)]) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_lie_in_the_range_as_their_names_say(name: str) -> None:
    places = design(name, 12, BOWL, np.random.default_rng(1))
    assert len(places) == 12
    assert LOW <= places.min() < places.max() <= HIGH
    near = np.abs(places - BOWL.best_place) < 0.5
    assert {"spread": near.sum() <= 3, "clustered": near.sum() >= 7, "one-sided": places.max() < BOWL.best_place}[name]


def test_a_bowl_that_was_tried_all_over_is_told_right() -> None:
    found = measure_one(Job("made up", BOWL, "spread", 1, 3, (20,)))[20]
    assert found.held
    assert not found.far_inside
    assert found.decades < 1.0
    assert found.regret_suggested < 0.05


def test_two_parameters_are_measured_along_the_rate() -> None:
    (found,) = measure_one(Job("two parameters", BOWL, "spread", 2, 3, (12,))).values()
    assert 0 < found.decades < 6


def test_there_is_a_study_of_each_response_and_design() -> None:
    jobs = list(jobs_of([], seeds=1))
    assert {job.design for job in jobs} == {*DESIGNS, "auto"}
    assert len(jobs) == len(SHAPES) * 4 * 5


def test_the_command_prints_the_table(bench: Bench, curves: Path) -> None:
    ran = bench("calibration", "--quick", "--data", str(curves), "--jobs", "1")
    assert ran.code == 0, ran.err
    head, _, *lines = [line for line in ran.out.splitlines() if line]
    assert "hold a near-best rate" in head
    assert {line.count("|") for line in lines} == {head.count("|")}
    assert {line.split("|")[2].strip() for line in lines} == {*DESIGNS, "auto"}
