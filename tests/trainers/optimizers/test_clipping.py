import math

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.clipping import Clipper


def parameters(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for one, gradient in zip(made, gradients, strict=True):
        one.grad = torch.tensor(gradient)
    return [*made, nn.Parameter(torch.zeros(1))]


def gradients(of: list[nn.Parameter]) -> list[list[float]]:
    return [one.grad.tolist() for one in of if one.grad is not None]


def test_the_norm_is_that_of_all_gradients_together() -> None:
    clip, ones = Clipper(norm=1.0), parameters([3.0], [0.0, 4.0])
    clip(ones)
    assert gradients(ones) == [[pytest.approx(0.6)], [0.0, pytest.approx(0.8)]]


def test_values_are_cut_one_by_one_and_before_the_norm() -> None:
    clip, ones = Clipper(norm=1.0, value=2.0), parameters([3.0], [0.0, -0.5])
    clip(ones)
    norm = math.sqrt(2.0**2 + 0.5**2)
    assert gradients(ones) == [[pytest.approx(2.0 / norm)], [0.0, pytest.approx(-0.5 / norm)]]


def test_gradients_within_the_limit_are_left_bit_for_bit() -> None:
    clip, ones = Clipper(norm=1.0, value=1.0), parameters([0.1, -0.3])
    expected = [one.grad.clone() for one in ones if one.grad is not None]
    clip(ones)
    assert torch.equal(torch.tensor(gradients(ones)[0]), expected[0])
    assert clip.rate == 0.0


def test_the_clip_rate_counts_steps_with_finite_gradients() -> None:
    clip = Clipper(norm=1.0)
    for size in (0.5, 2.0, math.inf, 3.0, math.nan, 0.1):
        clip(parameters([size]))
    assert (clip.steps, clip.clipped, clip.rate) == (4, 2, 0.5)
    again = Clipper(norm=1.0)
    again.load_state_dict(clip.state_dict())
    assert again.rate == 0.5


def test_without_a_limit_there_is_no_clip_rate() -> None:
    clip, ones = Clipper(), parameters([100.0])
    clip(ones)
    assert gradients(ones) == [[100.0]]
    assert clip.rate is None


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_that_cannot_be_is_named(limit: float) -> None:
    with pytest.raises(TrainingError, match="clip_norm must be"):
        Clipper(norm=limit)
    with pytest.raises(TrainingError, match="clip_value must be"):
        Clipper(value=limit)
