"""Schedules in torch trainings: preview = training = resumed training."""

import copy
import io
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adadelta, Adagrad, AdamW, Optimizer, RMSprop, lr_scheduler

from lrtune.service.rates.schedules import ScheduleError, default_schedule, preview, read_schedule
from lrtune.trainers.training.lr_scheduler import ScheduledLR
from tests.rates.schedules import ANY_SCHEDULE, Json

TOTAL = 40
SOME = settings(max_examples=25, deadline=None, database=None, derandomize=True)


@pytest.fixture(autouse=True)
def _no_gradients_are_needed() -> Iterator[None]:
    """torch warns of a scheduler that steps before its optimizer; these tests watch the rates only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        yield


def optimizer_of(*rates: float) -> SGD:
    return SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates], lr=0.5)


def rate_of(optimizer: Optimizer, group: int = 0) -> float:
    return float(optimizer.param_groups[group]["lr"])


def metric(step: int) -> float:
    """Falls, stands still, is not a number at times."""
    return math.nan if step % 13 == 5 else 1.0 / (1 + step // 6)


def trained(form: Any, steps: int = TOTAL) -> list[float]:
    optimizer = optimizer_of(0.5)
    scheduler = ScheduledLR(optimizer, form, total_steps=TOTAL)
    found = []
    for step in range(steps):
        found.append(rate_of(optimizer))
        assert scheduler.get_last_lr() == [found[-1]]
        scheduler.step(metric(step))
    return found


def previewed(form: Any) -> list[float]:
    schedule = read_schedule(form)
    plateau = "plateau" in str(form)
    metrics = [metric(step) for step in range(TOTAL)] if plateau else []
    found = preview(schedule, base_learning_rate=0.5, total_steps=TOTAL, metrics=metrics)
    return list(found.learning_rates)


@SOME
@given(form=ANY_SCHEDULE)
def test_a_training_has_the_rates_of_the_preview(form: Json) -> None:
    assert trained(form) == previewed(form)


@SOME
@given(form=ANY_SCHEDULE, cut=st.integers(0, TOTAL + 3), optimizer_first=st.booleans())
def test_a_resumed_training_has_the_rates_of_the_one_that_was_not_interrupted(
    form: Json, cut: int, optimizer_first: bool
) -> None:
    whole_optimizer = optimizer_of(0.5, 0.02)
    whole = ScheduledLR(whole_optimizer, form, total_steps=TOTAL)
    for step in range(cut):
        whole.step(metric(step))
    saved = io.BytesIO()
    torch.save({"optimizer": whole_optimizer.state_dict(), "scheduler": whole.state_dict()}, saved)
    saved.seek(0)
    kept = torch.load(saved, weights_only=True)

    optimizer = optimizer_of(0.5, 0.02)
    if optimizer_first:
        optimizer.load_state_dict(kept["optimizer"])
    resumed = ScheduledLR(optimizer, form, total_steps=TOTAL)
    if not optimizer_first:
        optimizer.load_state_dict(kept["optimizer"])
    resumed.load_state_dict(kept["scheduler"])
    for step in range(cut, TOTAL + 6):
        assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == resumed.get_last_lr() == whole.get_last_lr()
        whole.step(metric(step))
        resumed.step(metric(step))


def test_a_plateau_is_resumed_in_the_middle_of_its_patience() -> None:
    form = {"name": "plateau", "patience": 3, "factor": 0.5}
    optimizer = optimizer_of(0.5)
    scheduler = ScheduledLR(optimizer, form, total_steps=TOTAL)
    for _ in range(4):
        scheduler.step(1.0)
    other = optimizer_of(0.5)
    resumed = ScheduledLR(other, form, total_steps=TOTAL)
    resumed.load_state_dict(scheduler.state_dict())
    resumed.step(1.0)
    assert rate_of(other) == 0.25
    scheduler.step(0.5)
    assert rate_of(optimizer) == 0.5


@pytest.mark.parametrize("cut", [0, 1, 17, TOTAL - 1])
def test_last_epoch_goes_on_after_that_step_as_in_torch(cut: int) -> None:
    optimizer = optimizer_of(0.5)
    ScheduledLR(optimizer, "cosine", total_steps=TOTAL)
    resumed = ScheduledLR(optimizer, "cosine", total_steps=TOTAL, last_epoch=cut)
    assert [rate_of(optimizer)] == resumed.get_last_lr() == [previewed("cosine")[cut + 1] if cut < TOTAL - 1 else 0.0]


@SOME
@given(form=ANY_SCHEDULE, rates=st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=4))
def test_parameter_groups_keep_their_ratios(form: Json, rates: list[float]) -> None:
    optimizer = optimizer_of(*rates)
    scheduler = ScheduledLR(optimizer, form, total_steps=TOTAL)
    largest = rates.index(max(rates))
    for step in range(TOTAL + 3):
        for group, initial in enumerate(rates):
            ratio = initial / rates[largest]
            assert rate_of(optimizer, group) == pytest.approx(ratio * rate_of(optimizer, largest), rel=1e-12, abs=0)
        scheduler.step(metric(step))


@pytest.mark.parametrize(
    ("form", "make"),
    [
        ({"name": "step", "step_size": 7}, lambda o: lr_scheduler.StepLR(o, 7)),
        ({"name": "cosine", "T_max": TOTAL}, lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL)),
        (
            {"name": "cosine_restarts", "T_0": 6, "T_mult": 3},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 6, 3),
        ),
        (
            {"name": "one_cycle", "max_lr": 0.5},
            lambda o: lr_scheduler.OneCycleLR(o, [0.02, 0.5], TOTAL, cycle_momentum=False),
        ),
    ],
)
def test_every_group_has_torchs_rates(form: Json, make: Callable[[Optimizer], Any]) -> None:
    ours, theirs = optimizer_of(0.02, 0.5), optimizer_of(0.02, 0.5)
    schedulers = [ScheduledLR(ours, form, total_steps=TOTAL), make(theirs)]
    for step in range(TOTAL):
        for group in (0, 1):
            assert rate_of(ours, group) == pytest.approx(rate_of(theirs, group), rel=0, abs=1e-12)
        if step < TOTAL - 1:
            for scheduler in schedulers:
                scheduler.step()


def test_the_lowest_rate_is_that_of_the_group_with_the_largest() -> None:
    optimizer = optimizer_of(0.01, 0.1)
    scheduler = ScheduledLR(optimizer, {"name": "linear", "min_lr": 0.02}, total_steps=4)
    for _ in range(4):
        scheduler.step()
    assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == pytest.approx([0.002, 0.02])


def test_a_group_that_is_added_later_follows_the_same_schedule() -> None:
    optimizer = optimizer_of(0.4)
    scheduler = ScheduledLR(optimizer, "linear", total_steps=4)
    scheduler.step()
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 0.2})
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.2, 0.1])
    saved = scheduler.state_dict()
    other = optimizer_of(0.4, 0.2)
    ScheduledLR(other, "linear", total_steps=4).load_state_dict(saved)
    assert [rate_of(other, 0), rate_of(other, 1)] == scheduler.get_last_lr()


@pytest.mark.parametrize("kind", [SGD, Adadelta, Adagrad, AdamW, RMSprop])
@pytest.mark.parametrize("form", ["cyclical", "one_cycle"])
def test_cycles_need_no_momentum_and_leave_it_alone(kind: Any, form: str) -> None:
    optimizer = kind([nn.Parameter(torch.ones(2))], lr=0.5)
    before = {name: value for name, value in optimizer.param_groups[0].items() if name in ("momentum", "betas")}
    scheduler = ScheduledLR(optimizer, form, total_steps=TOTAL)
    found = []
    for _ in range(TOTAL):
        found.append(rate_of(optimizer))
        optimizer.step()
        scheduler.step()
    assert found == previewed(form)
    assert before.items() <= optimizer.param_groups[0].items()


def test_a_rate_that_is_a_tensor_is_changed_in_place() -> None:
    rate = torch.tensor(0.5)
    optimizer = AdamW([nn.Parameter(torch.zeros(1))], lr=rate, capturable=False, foreach=False)
    scheduler = ScheduledLR(optimizer, "linear", total_steps=4)
    held = optimizer.param_groups[0]["lr"]
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is held
    assert float(held) == pytest.approx(0.375)
    scheduler.load_state_dict(scheduler.state_dict())
    assert optimizer.param_groups[0]["lr"] is held


def test_an_open_training_is_given_its_end_when_it_is_known() -> None:
    form = {"name": "wsd", "warmup_steps": 5, "decay_steps": 10}
    optimizer = optimizer_of(0.5)
    scheduler = ScheduledLR(optimizer, form, total_steps=None)
    found = []
    for step in range(TOTAL):
        if step == 25:
            scheduler.end_at(TOTAL)
        found.append(rate_of(optimizer))
        scheduler.step()
    assert found == previewed(form)


def test_an_end_whose_decay_should_have_begun_is_refused() -> None:
    scheduler = ScheduledLR(optimizer_of(0.5), {"name": "wsd", "decay_steps": 100}, total_steps=None)
    for _ in range(150):
        scheduler.step()
    with pytest.raises(ScheduleError, match="total_steps: 200 is too early"):
        scheduler.end_at(200)
    scheduler.end_at(250)
    with pytest.raises(ScheduleError, match="is 250 already"):
        scheduler.end_at(300)


@pytest.mark.parametrize("total", [100, None])
def test_the_default_is_one_name(total: int | None) -> None:
    scheduler = ScheduledLR(optimizer_of(0.5), "default", total_steps=total)
    assert scheduler.schedule == default_schedule(total)
    assert scheduler.total_steps == total


def test_a_copied_training_goes_its_own_way() -> None:
    optimizer = optimizer_of(0.5)
    scheduler = ScheduledLR(optimizer, {"name": "plateau", "patience": 0}, total_steps=TOTAL)
    scheduler.step(1.0)
    copied = copy.deepcopy(scheduler)
    copied.step(2.0)
    scheduler.step(0.5)
    assert copied.get_last_lr() == [0.05]
    assert scheduler.get_last_lr() == [0.5]


def test_a_real_training_learns_at_the_scheduled_rates() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(64, 4)
    targets = inputs @ torch.tensor([1.0, -2.0, 0.5, 3.0])
    model = nn.Linear(4, 1)
    optimizer = SGD(model.parameters(), lr=0.2)
    scheduler = ScheduledLR(optimizer, {"name": "cosine", "warmup_steps": 5}, total_steps=TOTAL)
    losses = []
    for _ in range(TOTAL):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs).squeeze(1), targets)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100
    assert rate_of(optimizer) == 0


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf])
def test_a_rate_of_a_group_that_cannot_be_right_is_named(rate: float) -> None:
    optimizer = optimizer_of(0.1, 0.2)
    optimizer.param_groups[1]["lr"] = rate
    with pytest.raises(ScheduleError, match=r"param_groups\[1\]\['lr'\]: must be a finite number > 0"):
        ScheduledLR(optimizer, "cosine", total_steps=9)


@pytest.mark.parametrize(
    ("form", "total", "words"),
    [
        ("cosin", 9, "did you mean 'cosine'"),
        ("cosine", 0, "total_steps: must be a whole number of optimizer steps, at least 1"),
        ({"name": "cosine", "warmup_steps": 9}, 9, "schedule.warmup_steps: must leave a step"),
        ({"name": "multistep", "milestones": [5, 3]}, 9, "schedule.milestones"),
    ],
)
def test_bad_schedules_are_refused_before_the_first_step(form: Any, total: int, words: str) -> None:
    optimizer = optimizer_of(0.1)
    with pytest.raises(ScheduleError) as refused:
        ScheduledLR(optimizer, form, total_steps=total)
    assert words in str(refused.value)
    assert rate_of(optimizer) == 0.1
    assert "initial_lr" not in optimizer.param_groups[0]


def test_a_state_of_more_groups_is_refused() -> None:
    saved = ScheduledLR(optimizer_of(0.1, 0.2), "cosine", total_steps=9).state_dict()
    other = ScheduledLR(optimizer_of(0.1), "cosine", total_steps=9)
    with pytest.raises(ValueError, match="of 2 parameter groups, but the optimizer has 1"):
        other.load_state_dict(saved)


@pytest.mark.parametrize("given", ["linear", "constant", {"name": "cosine", "warmup_steps": 2}])
@pytest.mark.parametrize("at", [2, 4])
def test_the_state_of_another_schedule_is_refused_naming_both(given: Any, at: int) -> None:
    first = ScheduledLR(optimizer_of(0.1), "cosine", total_steps=4)
    for _ in range(at):
        first.step()
    optimizer = optimizer_of(0.1)
    second = ScheduledLR(optimizer, given, total_steps=8)
    rate, name = rate_of(optimizer), given if isinstance(given, str) else "'warmup_steps': 2"
    with pytest.raises(ValueError, match=r"of the schedule \{'name': 'cosine'.*\}, and this one is") as refused:
        second.load_state_dict(first.state_dict())
    assert name in str(refused.value)
    assert (rate_of(optimizer), second.last_epoch, second.total_steps) == (rate, 0, 8)


@pytest.mark.parametrize("steps", [0, 3, TOTAL, TOTAL + 5])
@pytest.mark.parametrize("first", ["cosine", "constant", {"name": "linear", "warmup_steps": 5}])
@pytest.mark.parametrize("reloaded", [False, True])
def test_a_second_phase_begins_with_the_rates_that_were_set_since_the_first(
    first: Any, steps: int, reloaded: bool
) -> None:
    optimizer = optimizer_of(0.5, 0.05)
    scheduler = ScheduledLR(optimizer, first, total_steps=TOTAL)
    for _ in range(steps):
        scheduler.step()
    if reloaded:
        other = optimizer_of(1.0, 1.0)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        optimizer = other
    for group, rate in zip(optimizer.param_groups, (1e-3, 1e-2), strict=True):
        group["lr"] = rate
    second = ScheduledLR(optimizer, "linear", total_steps=4)
    assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == pytest.approx([1e-3, 1e-2])
    second.step()
    assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == pytest.approx([0.75e-3, 0.75e-2])


@pytest.mark.parametrize("steps", [0, 3, TOTAL])
def test_a_second_phase_whose_rates_nobody_set_begins_as_the_first_did(steps: int) -> None:
    optimizer = optimizer_of(0.5, 0.05)
    scheduler = ScheduledLR(optimizer, {"name": "linear", "warmup_steps": 5}, total_steps=TOTAL)
    for _ in range(steps):
        scheduler.step()
    ScheduledLR(optimizer, "constant", total_steps=TOTAL)
    assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == pytest.approx([0.5, 0.05])


def test_a_phase_after_a_schedule_of_torchs_begins_with_the_rate_there_is() -> None:
    optimizer = optimizer_of(0.5)
    theirs = lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(5):
        theirs.step()
    optimizer.param_groups[0]["lr"] = 0.02
    ScheduledLR(optimizer, "constant", total_steps=TOTAL)
    assert rate_of(optimizer) == 0.02


@pytest.mark.parametrize(
    "form", ["cosine", "constant", {"name": "linear", "warmup_steps": 5, "min_lr": 0.1}, "plateau"]
)
def test_a_group_with_rate_0_stays_frozen(form: Any) -> None:
    optimizer = optimizer_of(0.5, 0.0)
    before = optimizer.param_groups[1]["params"][0].clone()
    scheduler = ScheduledLR(optimizer, form, total_steps=TOTAL)
    for step in range(TOTAL):
        assert rate_of(optimizer, 1) == 0
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(1)
        optimizer.step()
        scheduler.step(metric(step))
        scheduler.load_state_dict(scheduler.state_dict())
    assert torch.equal(optimizer.param_groups[1]["params"][0], before)
    assert not torch.equal(optimizer.param_groups[0]["params"][0], before)


def test_a_group_that_is_frozen_after_the_first_phase_stays_so_in_the_second() -> None:
    optimizer = optimizer_of(0.5, 0.5)
    ScheduledLR(optimizer, "constant", total_steps=TOTAL)
    optimizer.param_groups[1]["lr"] = 0.0
    ScheduledLR(optimizer, "cosine", total_steps=TOTAL)
    assert [rate_of(optimizer, 0), rate_of(optimizer, 1)] == [0.5, 0.0]


def test_rates_that_are_all_0_are_refused_with_the_remedy() -> None:
    with pytest.raises(ScheduleError, match=r"must not be 0 in every group, .*: set the rate"):
        ScheduledLR(optimizer_of(0.0, 0.0), "cosine", total_steps=9)


@pytest.mark.parametrize("form", ["cosine", "default", "linear", {"name": "cosine", "warmup_fraction": 0.2}])
@pytest.mark.parametrize("total", [2 * TOTAL, TOTAL - 10])
def test_another_length_holds_when_a_training_goes_on(form: Any, total: int) -> None:
    optimizer = optimizer_of(0.5)
    first = ScheduledLR(optimizer, form, total_steps=TOTAL)
    for _ in range(20):
        first.step()
    other = optimizer_of(0.5)
    longer = ScheduledLR(other, form, total_steps=total)
    longer.load_state_dict(first.state_dict())
    assert longer.total_steps == total
    expected = preview(read_schedule(form), base_learning_rate=0.5, total_steps=total).learning_rates
    for step in range(20, total):
        assert rate_of(other) == expected[step]
        longer.step()


def test_an_open_training_that_got_its_end_keeps_it_when_it_goes_on() -> None:
    form = {"name": "wsd", "warmup_steps": 5, "decay_steps": 10}
    first = ScheduledLR(optimizer_of(0.5), form, total_steps=None)
    first.end_at(TOTAL)
    second = ScheduledLR(optimizer_of(0.5), form, total_steps=None)
    second.load_state_dict(first.state_dict())
    assert second.total_steps == TOTAL


@pytest.mark.parametrize("form", ["default", "cosine"])
def test_a_whole_number_of_steps_is_one_however_it_is_written(form: str) -> None:
    rates = []
    for total in (10, 10.0):
        optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
        scheduler = ScheduledLR(optimizer, form, total_steps=total)  # type: ignore[arg-type]
        assert isinstance(scheduler.total_steps, int)
        for _ in range(10):
            rates.append(scheduler.get_last_lr())
            optimizer.step()
            scheduler.step()
    assert rates[:10] == rates[10:]
