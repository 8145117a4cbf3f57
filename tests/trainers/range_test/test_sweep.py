import copy
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import build_optimizer
from lrtune.trainers.range_test.sweep import exponential, range_test, sweep
from lrtune.trainers.state.snapshots import preserved
from lrtune.trainers.training.lr_scheduler import ScheduledLR

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def data(rows: int = 128) -> TensorDataset:
    inputs = torch.randn(rows, 4, generator=torch.Generator().manual_seed(0))
    return TensorDataset(inputs, inputs.sum(1, keepdim=True))


def network(seed: int = 0) -> nn.Sequential:
    """With buffers, random dropout, a part in evaluation mode and a frozen parameter."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Tanh(), nn.Linear(16, 1))
    model[1].eval()
    model[4].bias.requires_grad_(False)
    return model


def squared(model: nn.Module, batch: Any) -> Tensor:
    inputs, targets = batch
    return (model(inputs).float() - targets).square().mean()


def loader(**how: Any) -> DataLoader[Any]:
    how = {"batch_size": 16, "shuffle": True, **how}
    return DataLoader(data(), **how)


class Epochs(RandomSampler):
    """Counts its passes, and draws from a generator of its own."""

    def __init__(self) -> None:
        self.epoch = 0
        super().__init__(data(), generator=torch.Generator().manual_seed(3))

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        yield from ((index + self.epoch) % 128 for index in super().__iter__())


class Noisy:
    """Batches in Python and NumPy noise, from the process's generators and from one of its own."""

    def __init__(self) -> None:
        self.own = np.random.default_rng(5)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, targets in DataLoader(data(), batch_size=16):
            noise = random.random() + float(np.random.rand()) + float(self.own.random())
            yield inputs * noise, targets


LOADERS: dict[str, Callable[[], Any]] = {
    "global generator": loader,
    "own generator": lambda: loader(generator=torch.Generator().manual_seed(1)),
    "counting sampler": lambda: DataLoader(data(), batch_size=16, sampler=Epochs()),
    "noise": Noisy,
}


class Session:
    """A training that someone is in the middle of."""

    def __init__(self, batches: Any, optimizer: str = "adam", *, fp16: bool = False) -> None:
        self.model = network()
        self.optimizer: Any = build_optimizer(optimizer, self.model, learning_rate=0.01, layer_decay=0.5)
        self.batches = batches
        self.scaler = torch.amp.GradScaler("cpu", growth_interval=3) if fp16 else None
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)

    def train(self, steps: int = 5) -> list[float]:
        if hasattr(self.optimizer, "train"):
            self.optimizer.train()
        losses = []
        for _, batch in zip(range(steps), self.batches, strict=False):
            with torch.autocast("cpu", torch.float16, enabled=self.scaler is not None):
                loss = squared(self.model, batch)
            self.optimizer.zero_grad()
            if self.scaler is None:
                loss.backward()
                self.optimizer.step()
            else:
                self.scaler.scale(loss).backward()
                self.scaler.step(self.optimizer)
                self.scaler.update()
            losses.append(loss.item())
        return losses

    def end(self) -> list[Any]:
        """Everything that the training leads to."""
        scale = None if self.scaler is None else self.scaler.state_dict()
        draws = (random.random(), float(np.random.rand()), torch.rand(1).item())
        gradients = [None if one.grad is None else one.grad.tolist() for one in self.model.parameters()]
        modes = [(module.training, *(one.requires_grad for one in module.parameters())) for module in self.model]
        weights = [value.tolist() for value in self.model.state_dict().values()]
        return [weights, str(self.optimizer.state_dict()), scale, draws, gradients, modes]


def assert_leaves_no_trace(make: Callable[[], Session], between: Callable[[Session], object]) -> None:
    """Trains with and without something between; the two must not differ in a bit."""
    expected, found = [], []
    for results, middle in ((expected, lambda _: None), (found, between)):
        session = make()
        results += session.train()
        middle(session)
        results += session.end()
        results += session.train()
        results += session.end()
    assert found == expected


def a_range_test(session: Session, **how: Any) -> Any:
    how = {"steps": 12, "seeds": (0, 1), "scaler": session.scaler, **how}
    if session.scaler is not None:
        how["precision"] = "fp16"
    return range_test(session.model, session.optimizer, session.batches, how.pop("loss", squared), **how)


@pytest.mark.parametrize("batches", LOADERS)
def test_a_training_goes_on_bit_for_bit_after_a_range_test(batches: str) -> None:
    assert_leaves_no_trace(lambda: Session(LOADERS[batches]()), a_range_test)


@pytest.mark.parametrize("optimizer", ["momentum", "muon", "adafactor", "schedule_free"])
def test_every_kind_of_optimizer_state_is_put_back(optimizer: str) -> None:
    assert_leaves_no_trace(lambda: Session(loader(), optimizer), a_range_test)


def test_a_scaler_is_put_back() -> None:
    assert_leaves_no_trace(lambda: Session(loader(), "sgd", fp16=True), a_range_test)


@pytest.mark.parametrize("fp16", [False, True])
def test_a_loss_function_that_raises_half_way_leaves_no_trace_either(fp16: bool) -> None:
    def interrupted(session: Session) -> None:
        calls = iter(range(100))

        def loss(model: nn.Module, batch: Any) -> Tensor:
            if next(calls) == 7:
                raise KeyboardInterrupt
            return squared(model, batch)

        with pytest.raises(KeyboardInterrupt):
            a_range_test(session, loss=loss)

    assert_leaves_no_trace(lambda: Session(loader(), "adam", fp16=fp16), interrupted)


def test_a_model_that_was_replaced_inside_is_put_back() -> None:
    def meddle(session: Session) -> None:
        with preserved(session.model, session.optimizer, batches=session.batches):
            session.model[1].running_mean = torch.full((16,), 7.0)
            session.model[0].weight.grad = None
            session.model.eval().requires_grad_(False)
            session.optimizer.param_groups[0]["lr"] = 3.0
            session.optimizer.param_groups.pop()

    assert_leaves_no_trace(lambda: Session(loader()), meddle)


def test_half_precision_weights_keep_their_full_precision_state() -> None:
    model = nn.Linear(4, 1).bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = torch.tensor([[1.0, 2.0, 3.0, 1.0 + 2**-20]])
    optimizer.state[model.weight] = {"momentum_buffer": state.clone()}
    with preserved(model, optimizer):
        optimizer.state[model.weight]["momentum_buffer"].zero_()
    kept = optimizer.state[model.weight]["momentum_buffer"]
    assert torch.equal(kept, state)
    assert kept.dtype is torch.float32


class Rates:
    """A loss function that notes the rates of the groups as it is called."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.seen: list[list[float]] = []

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        self.seen.append([float(group["lr"]) for group in self.optimizer.param_groups])
        return squared(model, batch)


def test_the_rate_rises_by_the_same_factor_and_groups_keep_their_ratios() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = build_optimizer("sgd", model, learning_rate=0.3, layer_decay=0.5, rates={"2.bias": 0.9})
    loss = Rates(optimizer)
    tested = range_test(model, optimizer, loader(), loss, low=1e-6, high=1e-2, steps=11, seeds=(0,))
    assert tested.learning_rates == pytest.approx([1e-6 * 10 ** (0.4 * step) for step in range(11)], rel=1e-12)
    assert (tested.learning_rates[0], tested.learning_rates[-1]) == (1e-6, 1e-2)
    for rate, (first, last, own) in zip(tested.learning_rates, loss.seen, strict=True):
        assert [first, last, own] == pytest.approx([0.5 * rate, rate, 3.0 * rate], rel=1e-12)
    assert [group["lr"] for group in optimizer.param_groups] == [0.15, 0.3, 0.9]


def test_a_schedule_in_progress_does_not_change_the_ratios() -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD([{"params": [model.weight], "lr": 0.2}, {"params": [model.bias], "lr": 0.1}], lr=0.2)
    torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda _: 0.0, lambda _: 1.0])
    loss = Rates(optimizer)
    range_test(model, optimizer, loader(), loss, low=1e-3, high=1e-2, steps=10, seeds=(0,))
    assert all(bias == pytest.approx(0.5 * weight) for weight, bias in loss.seen)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.1]


def test_a_rate_held_in_a_tensor_is_set_in_place() -> None:
    torch.manual_seed(0)
    model, rate = nn.Linear(4, 1), torch.tensor(0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses = sweep(model, optimizer, loader(), squared, learning_rates=exponential(1e-3, 1e-1, 10))
    assert losses[-1] < losses[0]
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.1)


def test_steps_that_amp_skips_do_not_raise_the_rate() -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    loss, weights = Rates(optimizer), []

    def overflowing(model: nn.Module, batch: Any) -> Tensor:
        weights.append(copy.deepcopy(model.state_dict()))
        found = loss(model, batch)
        if len(loss.seen) in (4, 5):
            found.register_hook(lambda gradient: gradient * math.inf)
        return found

    tested = range_test(
        model, optimizer, loader(), overflowing, low=1e-4, high=1e-2, steps=10, seeds=(0,), scaler=scaler
    )
    rates = [rate for (rate,) in loss.seen]
    assert rates == [*tested.learning_rates[:3], *[tested.learning_rates[3]] * 3, *tested.learning_rates[4:]]
    assert torch.equal(weights[3]["weight"], weights[5]["weight"])
    assert len(tested.losses[0]) == 10
    assert scaler.get_scale() == 2.0**10


def test_gradients_that_overflow_for_good_end_the_test_as_diverged() -> None:
    def overflowing(model: nn.Module, batch: Any) -> Tensor:
        found = squared(model, batch)
        found.register_hook(lambda gradient: gradient * math.nan)
        return found

    model = nn.Linear(4, 1)
    losses = sweep(
        model,
        torch.optim.SGD(model.parameters()),
        loader(),
        overflowing,
        learning_rates=exponential(1e-4, 1e-2, 10),
        scaler=torch.amp.GradScaler("cpu"),
    )
    assert len(losses) == 1
    assert math.isnan(losses[0])


def test_accumulated_micro_batches_are_one_large_batch() -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    whole = [(inputs, targets) for inputs, targets in DataLoader(data(), batch_size=64)]
    parts = [(batch[0][rows], batch[1][rows]) for batch in whole for rows in (slice(0, 40), slice(40, 64))]
    rates = exponential(1e-3, 1.0, 20)
    together = sweep(model, optimizer, whole, squared, learning_rates=rates)
    apart = sweep(model, optimizer, parts, squared, learning_rates=rates, accumulate=2)
    assert apart == pytest.approx(together, rel=1e-4)


def test_seeds_see_other_orders_and_the_same_seed_the_same() -> None:
    session = Session(loader())
    tested = a_range_test(session, seeds=(4, 5))
    assert tested.losses[0] != tested.losses[1]
    assert a_range_test(session, seeds=(5,)).losses[0] == tested.losses[1]
    assert a_range_test(session, seeds=2).seeds == (0, 1)


def test_the_answer_brackets_the_known_optimum_of_a_quadratic() -> None:
    """SGD on ½|w|² is stable below a rate of 2 and best at 1."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 10.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tested = range_test(
        model, optimizer, [0, 1], lambda model, _: 0.5 * model.weight.square().sum(), low=1e-5, high=100.0, seeds=(0,)
    )
    assert tested.analysis.signal
    assert tested.analysis.recommended is not None
    assert 0.02 < tested.analysis.recommended < 2.0
    assert tested.analysis.diverged_at is not None
    assert tested.analysis.diverged_at > 2.0
    assert len(tested.losses[0]) < 100


def test_a_loss_that_nothing_changes_gives_no_signal() -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tested = range_test(model, optimizer, loader(), lambda model, _: 0.0 * model.weight.sum() + 3.0, steps=30)
    assert not tested.analysis.signal
    assert tested.analysis.recommended is None
    assert tested.analysis.reason


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=cuda)])
def test_bf16_finds_a_rate_near_that_of_fp32(device: str) -> None:
    model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        seen.append(model(batch[0]).dtype)
        return squared(model, batch)

    found = [
        range_test(model, optimizer, loader(), loss, precision=precision, low=1e-4).analysis.recommended
        for precision in ("fp32", "bf16")
    ]
    assert seen[0] is torch.float32
    assert seen[-1] is torch.bfloat16
    assert found[0] is not None
    assert found[1] == pytest.approx(found[0], rel=2.0)


def refused(
    words: str, *, model: nn.Module | None = None, batches: Any = None, loss: Any = squared, **how: Any
) -> None:
    model = model or nn.Linear(4, 1)
    optimizer = how.pop("optimizer", None) or torch.optim.SGD(model.parameters(), lr=0.1)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(TrainingError, match=words):
        range_test(model, optimizer, loader() if batches is None else batches, loss, **how)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"low": 0.0}, "low must be > 0, not 0"),
        ({"low": -1e-3}, "low must be > 0, not -0.001"),
        ({"low": math.nan}, "low must be finite, not nan"),
        ({"high": math.inf}, "high must be finite, not inf"),
        ({"low": 1.0, "high": 1.0}, "low must be below high, not 1 and 1"),
        ({"low": 2.0, "high": 1.0}, "low must be below high, not 2 and 1"),
        ({"steps": 9}, "steps must be at least 10, not 9"),
        ({"steps": 20.5}, "steps must be a whole number, not 20.5"),
        ({"seeds": ()}, "seeds must name at least one seed"),
        ({"seeds": 0}, "seeds must be at least 1, not 0"),
        ({"accumulate": 0}, "accumulate must be at least 1, not 0"),
        ({"precision": "int8"}, "precision must be one of fp32, bf16, fp16, not 'int8'"),
        ({"clip_norm": 0.0}, "clip_norm must be > 0"),
        ({"batches": []}, "batches has no batch: give some data"),
        ({"batches": [(torch.ones(2, 4), torch.ones(2, 1))]}, "batches has one batch only: give a smaller batch size"),
        ({"batches": (batch for batch in range(3))}, "begun again, not a generator: give the DataLoader itself"),
        ({"loss": lambda model, batch: squared(model, batch).detach()}, "the loss does not require grad"),
        ({"loss": lambda model, batch: squared(model, batch).item()}, "a scalar tensor, not a float: take its mean"),
        ({"loss": lambda model, batch: model(batch[0])}, r"not a tensor of shape \(16, 1\)"),
        ({"model": nn.Linear(4, 1).requires_grad_(False)}, "Linear has no trainable parameter"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_the_first_step(how: dict[str, Any], words: str) -> None:
    refused(words, **how)


def test_optimizers_that_cannot_be_tested_are_refused() -> None:
    model = nn.Linear(4, 1)
    refused("LBFGS several", model=model, optimizer=torch.optim.LBFGS(model.parameters()))
    refused("learning rates must be finite and > 0", model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))


def test_one_outlier_batch_does_not_end_the_test() -> None:
    calls = iter(range(1000))

    def mostly_squared(model: nn.Module, batch: Any) -> Tensor:
        return squared(model, batch) + (50.0 if next(calls) == 12 else 0.0)

    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    tested = range_test(model, torch.optim.SGD(model.parameters(), lr=0.1), loader(), mostly_squared, seeds=1, steps=60)
    assert tested.losses[0][12] > 50
    assert len(tested.losses[0]) > 40
    assert tested.analysis.recommended is not None
    assert 1e-3 < tested.analysis.recommended < 1


def test_a_group_that_was_frozen_since_a_schedule_began_is_not_trained() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
    optimizer = torch.optim.SGD([{"params": part.parameters()} for part in model], lr=0.1)
    ScheduledLR(optimizer, "constant", total_steps=10)
    optimizer.param_groups[0]["lr"] = 0.0
    kept = model[0].weight.clone()
    seen = []

    def watched(model: nn.Module, batch: Any) -> Tensor:
        seen.append(torch.equal(model[0].weight, kept))  # type: ignore[index]
        return squared(model, batch)

    sweep(model, optimizer, loader(), watched, learning_rates=exponential(1e-3, 1e-1, 10))
    assert all(seen)
