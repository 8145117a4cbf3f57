import copy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import OPTIMIZERS, build_optimizer, options_of
from lrtune.trainers.optimizers.muon import MuonWithAdamW


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model: nn.Module, optimizer: Any, steps: int) -> list[float]:
    """Losses of a regression, each step's batch fixed by the number of steps to come."""
    if hasattr(optimizer, "train"):
        optimizer.train()
    losses = []
    for step in range(steps):
        inputs = torch.randn(32, 4, generator=torch.Generator().manual_seed(step))
        loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


RATES = {"sgd": 0.05, "adagrad": 0.1, "adadelta": 5.0, "muon": 0.03, "adafactor": 0.05}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name: str) -> None:
    model = network()
    losses = train(model, build_optimizer(name, model, learning_rate=RATES.get(name, 0.02)), 60)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_saved_state_goes_on_bit_for_bit(name: str) -> None:
    first = network()
    how: dict[str, Any] = {"learning_rate": 0.01, "weight_decay": 0.1, "layer_decay": 0.5}
    optimizer = build_optimizer(name, first, **how)
    train(first, optimizer, 3)
    second = copy.deepcopy(first)
    resumed = build_optimizer(name, second, **how)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert train(first, optimizer, 3) == train(second, resumed, 3)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", torch.optim.SGD, {}),
        ("momentum", torch.optim.SGD, {"momentum": 0.9}),
        ("nesterov", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("adagrad", torch.optim.Adagrad, {}),
        ("rmsprop", torch.optim.RMSprop, {}),
        ("adam", torch.optim.Adam, {}),
        ("adamw", torch.optim.AdamW, {"weight_decay": 0.0}),
        ("adadelta", torch.optim.Adadelta, {}),
        ("adafactor", torch.optim.Adafactor, {}),
    ],
)
def test_a_name_gives_torchs_optimizer_with_its_defaults(name: str, kind: Any, options: dict[str, Any]) -> None:
    ours, theirs = network(), network()
    built = build_optimizer(name, ours, learning_rate=0.01)
    assert type(built) is kind
    assert train(ours, built, 3) == train(theirs, kind(theirs.parameters(), lr=0.01, **options), 3)


def test_muon_takes_the_hidden_matrices_and_adamw_the_rest() -> None:
    model = nn.Sequential(
        nn.Embedding(5, 4), nn.Flatten(), nn.Linear(4, 8), nn.Conv1d(1, 1, 3), nn.Linear(8, 8), nn.Linear(8, 2)
    )
    optimizer = build_optimizer("muon", model, learning_rate=0.02, weight_decay=0.1, rates={"5": 0.5})
    of = {name: group for group in optimizer.param_groups for name in group["param_names"]}
    assert {name for name, group in of.items() if group["algorithm"] == "muon"} == {"2.weight", "4.weight"}
    assert (of["2.weight"]["lr"], of["5.weight"]["lr"], of["0.weight"]["lr"]) == (0.02, 0.5, 0.02)
    assert (of["2.weight"]["weight_decay"], of["2.bias"]["weight_decay"]) == (0.1, 0.0)


def test_a_scheduler_moves_both_halves_of_muon_also_after_loading() -> None:
    model = network()
    optimizer = build_optimizer("muon", model, learning_rate=0.1, layer_decay=0.5)
    optimizer.load_state_dict(optimizer.state_dict())
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.0)
    before = copy.deepcopy(model.state_dict())
    train(model, optimizer, 1)
    scheduler.step()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_muon_without_hidden_matrices_is_adamw() -> None:
    ours, theirs = nn.Linear(4, 1), nn.Linear(4, 1)
    theirs.load_state_dict(ours.state_dict())
    built = build_optimizer("muon", ours, learning_rate=0.01)
    assert isinstance(built, MuonWithAdamW)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.0)
    assert train(ours, built, 3) == train(theirs, reference, 3)


@pytest.mark.parametrize(
    ("name", "how", "words"),
    [
        ("adamm", {}, "optimizer must be one of sgd, momentum, .*, not 'adamm'"),
        ("adam", {"momentum": 0.9}, "adam takes no option 'momentum': it takes betas, eps, amsgrad"),
        ("sgd", {"momentum": 1.0}, r"momentum must be in \[0, 1\), not 1"),
        ("sgd", {"momentum": float("nan")}, "momentum must be finite, not nan"),
        ("adam", {"betas": 0.9}, r"betas must be two numbers in \[0, 1\), not 0.9"),
        ("adam", {"betas": (0.9, 1.5)}, r"betas\[1\] must be in \[0, 1\)"),
        ("adam", {"eps": 0.0}, "eps must be > 0"),
        ("adam", {"amsgrad": 1}, "amsgrad must be True or False, not 1"),
        ("muon", {"ns_steps": 2.5}, "ns_steps must be a whole number, not 2.5"),
        ("adafactor", {"beta2_decay": 0.8}, "beta2_decay must be ≤ 0, not 0.8"),
        ("sgd", {"learning_rate": float("nan")}, "learning_rate must be finite, not nan"),
    ],
)
def test_what_cannot_be_is_named_with_what_would_be_right(name: str, how: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        build_optimizer(name, network(), **{"learning_rate": 0.1, **how})


def test_options_and_their_defaults_can_be_looked_up() -> None:
    assert options_of("nesterov") == {"momentum": 0.9}
    with pytest.raises(TrainingError, match="optimizer must be one of"):
        options_of("lion")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "schedulefree", None)
    with pytest.raises(TrainingError, match=r"needs the package schedulefree: pip install 'lrtune\[optimizers\]'"):
        build_optimizer("schedule_free", network(), learning_rate=0.1)


def test_every_optimizer_and_option_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "optimizers.md").read_text()
    for name in OPTIMIZERS:
        assert f"`{name}`" in page
        for option in options_of(name):
            assert f"`{option}`" in page
