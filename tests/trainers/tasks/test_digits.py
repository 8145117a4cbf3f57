import math

import pytest

from lrtune.service.wire.studies import NewStudy

pytest.importorskip("torch")

from lrtune.trainers.tasks.builtin.digits import TASK, fit

GOOD = {"learning_rate": 0.03, "batch_size": 64, "optimizer": "sgd", "momentum": 0.9}


def test_the_same_seed_gives_the_same_loss() -> None:
    assert fit(GOOD, 2, seed=3) == fit(GOOD, 2, seed=3)
    assert fit(GOOD, 2, seed=3) != fit(GOOD, 2, seed=4)


def test_a_good_learning_rate_learns_and_a_tiny_one_does_not() -> None:
    assert fit(GOOD, 5, seed=0) < 0.4
    assert fit(GOOD | {"learning_rate": 1e-5}, 5, seed=0) > 2.0


def test_each_epoch_is_reported_from_one_on() -> None:
    reports: list[tuple[int, float]] = []
    loss = fit(GOOD, 3, seed=0, report=lambda step, value: reports.append((step, value)))
    assert [step for step, _ in reports] == [1, 2, 3]
    assert reports[-1][1] == loss


def test_a_diverging_training_ends_early_and_says_so() -> None:
    reports: list[float] = []
    loss = fit(GOOD | {"learning_rate": 10.0}, 20, seed=0, report=lambda _, value: reports.append(value))
    assert not math.isfinite(loss)
    assert len(reports) < 20


def test_the_random_state_of_the_process_is_left_alone() -> None:
    import torch

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    fit(GOOD, 1, seed=0)
    assert torch.equal(torch.rand(1), expected)


def test_the_search_space_is_one_the_service_takes() -> None:
    spec = NewStudy.model_validate({"name": "digits", "search_space": TASK.search_space})
    assert list(spec.search_space) == ["learning_rate", "batch_size", "optimizer", "momentum", "num_layers"]


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(ValueError, match=r"optimizer must be one of sgd, .*, not 'lion'"):
        fit(GOOD | {"optimizer": "lion"}, 1, seed=0)
