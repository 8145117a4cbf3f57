"""What a training script may give as a step and as a value."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch

from lrtune import Client, InvalidReport
from lrtune.trainers.client.report_checks import read_value
from tests.fake_service import FakeService

REPORTED = [
    pytest.param({"step": 4, "value": 0.3}, id="by keywords"),
    pytest.param({"value": 0.3, "step": 4}, id="in Optuna's order"),
    pytest.param({"step": np.int64(4), "value": np.float64(0.3)}, id="of NumPy"),
    pytest.param({"step": np.array(4), "value": np.array(0.3)}, id="arrays without dimensions"),
    pytest.param({"step": torch.tensor(4), "value": torch.tensor(0.3, dtype=torch.float64)}, id="tensors"),
    pytest.param({"step": torch.tensor([4]), "value": torch.tensor([[0.3]], dtype=torch.float64)}, id="of one element"),
    pytest.param({"step": 4.0, "value": 0.3}, id="a float without a fraction"),
    pytest.param({"step": torch.tensor(4.0), "value": Decimal("0.3")}, id="a tensor without a fraction"),
]


@pytest.mark.parametrize("given", REPORTED)
def test_a_report_is_the_same_however_it_is_given(client: Client, service: FakeService, given: dict[str, Any]) -> None:
    service.max_steps = 4
    with next(client.study("s").leases()) as trial:
        trial.report(**given)
    assert service.bodies("/reports")[0]["reports"] == [{"step": 4, "value": 0.3}]
    assert trial.curve == [(4, 0.3)]


def test_an_integer_may_be_the_value_and_zero_the_step(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        trial.report(0, 3)
        trial.report(1, math.nan)
    assert [body["reports"][0] for body in service.bodies("/reports")] == [
        {"step": 0, "value": 3.0},
        {"step": 1, "value": "nan"},
    ]


SWAPPED = [
    pytest.param(0.42, 3, id="a fraction"),
    pytest.param(0.42, 0.42, id="the value itself"),
    pytest.param(torch.tensor(0.42), 3, id="a tensor"),
    pytest.param(np.float32(0.42), np.int64(3), id="of NumPy"),
    pytest.param(0.0, 3, id="a loss that is whole"),
    pytest.param(torch.tensor(1.0), torch.tensor(3), id="tensors whose loss is whole"),
    pytest.param(math.nan, 3, id="nan"),
    pytest.param(math.inf, 3, id="infinity"),
    pytest.param(True, 0.5, id="a bool"),
    pytest.param(np.bool_(True), 0.5, id="a bool of NumPy"),
    pytest.param(torch.tensor(True), 0.5, id="a bool of torch"),
    pytest.param("3", 0.5, id="text"),
    pytest.param(None, 0.5, id="nothing"),
]


@pytest.mark.parametrize(("step", "value"), SWAPPED)
def test_a_step_that_is_none_is_refused_with_the_right_order(
    client: Client, service: FakeService, step: Any, value: Any
) -> None:
    trial = next(client.study("s").leases())
    with pytest.raises(InvalidReport, match=r"report\(step, value\): the step comes first.*value=…, step=…"), trial:
        trial.report(step, value)
    assert service.bodies("/reports") == []
    assert service.bodies("/result")[0]["state"] == "failed"


@pytest.mark.parametrize("epoch", [0.25, np.float32(0.5), torch.tensor(1.5)])
def test_a_fraction_of_an_epoch_is_refused_with_the_remedy(client: Client, service: FakeService, epoch: Any) -> None:
    trial = next(client.study("s").leases())
    with pytest.raises(InvalidReport, match="count what was trained, optimizer steps or whole epochs"), trial:
        trial.report(epoch, 0.5)
    assert service.bodies("/reports") == []


@pytest.mark.parametrize("step", [-1, 2**31, -3.0, pytest.param(10**5000, id="huge")])
def test_a_step_out_of_bounds_is_refused(client: Client, service: FakeService, step: float) -> None:
    trial = next(client.study("s").leases())
    with pytest.raises(InvalidReport, match="must be between 0 and 2147483647, not"), trial:
        trial.report(step, 0.5)
    assert service.bodies("/reports") == []


BOOLS = [True, False, np.bool_(True), torch.tensor(False)]
NO_NUMBERS = [None, "high", "0.5", b"0.5", *BOOLS, torch.ones(3), [0.5], pytest.param(10**400, id="huge")]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_value_that_is_no_number_is_refused(client: Client, service: FakeService, value: Any) -> None:
    trial = next(client.study("s").leases())
    with pytest.raises(InvalidReport, match="the value must be one number, not"), trial:
        trial.report(1, value)
    assert trial.curve == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (True, "a bool is no loss; return the loss"),
        (None, "not None: return the loss"),
        ("0.5", "return the loss"),
        (torch.ones(3), "report a mean"),
    ],
)
def test_what_is_no_loss_is_told_why(value: Any, why: str) -> None:
    with pytest.raises(InvalidReport, match=why):
        read_value(value)


@pytest.mark.parametrize("value", [True, np.bool_(False), "0.5"])
def test_what_is_no_loss_is_none_at_the_end_and_of_a_recorded_training_either(
    client: Client, service: FakeService, value: Any
) -> None:
    trial = next(client.study("s").leases())
    with pytest.raises(InvalidReport, match="the value must be one number"), trial:
        trial.complete(value)
    with pytest.raises(InvalidReport, match="the value must be one number"):
        client.record("s", {"learning_rate": 0.1}, value=value)
    with pytest.raises(InvalidReport, match="the value must be one number"):
        client.record("s", {"learning_rate": 0.1}, reports=[(1, value)])
    assert service.bodies("/record") == []


def test_a_checkpoint_is_of_a_whole_step_too(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        with pytest.raises(InvalidReport, match="is no whole number"):
            trial.checkpoint("file:///a", 1.5)
        trial.checkpoint("file:///a", np.int64(1))
        trial.report(2, 0.5)
    assert service.bodies("/reports")[0]["checkpoint"] == {"uri": "file:///a", "step": 1}
