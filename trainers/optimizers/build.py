"""Optimizers by name, with checked options and parameter groups.

optimizer = build_optimizer("adamw", model, learning_rate=3e-4, weight_decay=0.1, layer_decay=0.8)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.trainers.checks import at_least, finite, not_negative, one_of, positive, share
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers import muon
from lrtune.trainers.optimizers.parameter_groups import Placed, group, place

_ADAM = {"betas": (0.9, 0.999), "eps": 1e-8}
_NEEDED_PACKAGE = "pip install 'lrtune[optimizers]'"

Build = Callable[[nn.Module, list[Placed], dict[str, Any]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Kind:
    """One optimizer: what it is, the options it takes with their defaults, and how it is made."""

    description: str
    options: Mapping[str, Any]
    build: Build
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _torch(kind: str) -> Build:
    def build(_: nn.Module, placed: list[Placed], options: dict[str, Any]) -> torch.optim.Optimizer:
        made: torch.optim.Optimizer = getattr(torch.optim, kind)(group(placed), **options)
        return made

    return build


def _schedule_free(_: nn.Module, placed: list[Placed], options: dict[str, Any]) -> torch.optim.Optimizer:
    try:
        from schedulefree import AdamWScheduleFree  # noqa: PLC0415
    except ModuleNotFoundError:
        raise TrainingError(f"optimizer 'schedule_free' needs the package schedulefree: {_NEEDED_PACKAGE}") from None
    made: torch.optim.Optimizer = AdamWScheduleFree(group(placed), **options)
    return made


_KINDS: dict[str, Kind] = {
    "sgd": Kind(
        "stochastic gradient descent (Robbins and Monro 1951)",
        {"momentum": 0.0, "dampening": 0.0},
        _torch("SGD"),
    ),
    "momentum": Kind("SGD with heavy-ball momentum (Polyak 1964)", {"momentum": 0.9, "dampening": 0.0}, _torch("SGD")),
    "nesterov": Kind("SGD with Nesterov's momentum (1983)", {"momentum": 0.9}, _torch("SGD"), {"nesterov": True}),
    "adagrad": Kind(
        "rates by the sum of squared gradients (Duchi et al. 2011)",
        {"lr_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
        _torch("Adagrad"),
    ),
    "rmsprop": Kind(
        "rates by an average of squared gradients (Hinton 2012)",
        {"alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False},
        _torch("RMSprop"),
    ),
    "adam": Kind(
        "averages of gradients and of their squares (Kingma and Ba 2015)",
        {**_ADAM, "amsgrad": False},
        _torch("Adam"),
    ),
    "adamw": Kind(
        "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
        {**_ADAM, "amsgrad": False},
        _torch("AdamW"),
    ),
    "adadelta": Kind(
        "rates by averages of squared gradients and steps (Zeiler 2012); meant for a rate of 1",
        {"rho": 0.9, "eps": 1e-6},
        _torch("Adadelta"),
    ),
    "muon": Kind(
        "orthogonalised momentum for hidden matrices, AdamW for the rest (Jordan 2024)",
        {"momentum": 0.95, "nesterov": True, "ns_steps": 5, **_ADAM, "adamw": ()},
        muon.build,
    ),
    "adafactor": Kind(
        "Adam's second moment in factors: little memory (Shazeer and Stern 2018)",
        {"beta2_decay": -0.8, "d": 1.0},
        _torch("Adafactor"),
    ),
    "schedule_free": Kind(
        f"AdamW that averages instead of a schedule (Defazio et al. 2024); {_NEEDED_PACKAGE}",
        {**_ADAM, "warmup_steps": 0, "r": 0.0, "weight_lr_power": 2.0},
        _schedule_free,
    ),
}

OPTIMIZERS: Mapping[str, str] = MappingProxyType({name: kind.description for name, kind in _KINDS.items()})
"""Name: what it is."""

SETTINGS = tuple(
    sorted(
        {"weight_decay", "decoupled_weight_decay", "algorithm", *(o for kind in _KINDS.values() for o in kind.options)}
    )
)
"""What a parameter group says of how it is trained, its rate aside: the same before and after a training."""


def build_optimizer(
    name: str,
    model: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    layer_decay: float | None = None,
    rates: Mapping[str, float] | None = None,
    **options: Any,
) -> torch.optim.Optimizer:
    """An optimizer for the trainable parameters of `model`.

    `weight_decay`, `layer_decay` and `rates` are as in `lrtune.parameter_groups`. Weight decay is decoupled from the
    gradient for adamw, muon, adafactor and schedule_free, and L2 regularisation for the others. `options` are those of
    `options_of(name)`; with none given, its defaults. `optimizer.defaults["lr"]` is `learning_rate`.

    Raises TrainingError for an unknown name or option, a value that cannot be, or a model with nothing to train.
    """
    kind = _KINDS[one_of("optimizer", name, _KINDS)]
    placed = place(model, learning_rate=learning_rate, weight_decay=weight_decay, layer_decay=layer_decay, rates=rates)
    for option in options:
        if option not in kind.options:
            hint = did_you_mean(option, kind.options)
            raise TrainingError(f"{name} takes no option {option!r}: {hint}it takes {', '.join(kind.options)}")
    chosen = {key: _checked(key, options.get(key, default), default) for key, default in kind.options.items()}
    return kind.build(model, placed, {"lr": float(learning_rate), **chosen, **kind.fixed})


def options_of(name: str) -> dict[str, Any]:
    """The options of an optimizer, with their defaults. Raises TrainingError for an unknown name."""
    return dict(_KINDS[one_of("optimizer", name, _KINDS)].options)


def _checked(name: str, value: Any, default: Any) -> Any:
    """torch's own checks let nan and infinity pass."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TrainingError(f"{name} must be True or False, not {value!r}")
        return value
    if name == "adamw":
        return muon.patterns_of(value)
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise TrainingError(f"{name} must be two numbers in [0, 1), not {value!r}")
        return tuple(share(f"{name}[{index}]", one) for index, one in enumerate(value))
    if name in ("momentum", "alpha", "rho", "dampening"):
        return share(name, value)
    if isinstance(default, int):
        return at_least(name, value, 0)
    if name == "beta2_decay":
        return _not_positive(name, value)
    return positive(name, value) if name in ("eps", "d") else not_negative(name, value)


def _not_positive(name: str, value: Any) -> float:
    number = finite(name, value)
    if number > 0:
        raise TrainingError(f"{name} must be ≤ 0, not {number:g}")
    return number
