"""Parameter groups: which rate and which weight decay each parameter of a model gets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from lrtune.trainers.checks import not_negative, positive, trainable
from lrtune.trainers.errors import TrainingError

NORMS: tuple[type[nn.Module], ...] = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
"""Modules whose parameters are never decayed."""


@dataclass(frozen=True)
class Placed:
    """One trainable parameter, and how it is to be trained."""

    name: str
    parameter: nn.Parameter
    learning_rate: float
    weight_decay: float
    layer: int
    """0 is nearest the input."""


def parameter_groups(
    model: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    layer_decay: float | None = None,
    rates: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """What torch's optimizers take: groups of parameters with the same `lr` and `weight_decay`, input first.

    Schedules multiply each group's own rate, so the ratios stay.

    - Norms, biases and other parameters of fewer than two dimensions get no weight decay.
    - `layer_decay` in (0, 1]: the last of n layers gets `learning_rate`, layer i gets `learning_rate ·
      layer_decay^(n−1−i)` (Howard and Ruder 2018, "Universal language model fine-tuning"). Layers are the model's
      children in order, those of a Sequential or ModuleList one by one; a norm counts with the layer before it.
    - `rates` maps patterns to rates: `{"head.*": 1e-2}`. The first that fits a parameter's name, or the name of a
      module it lies in, is its rate, whatever its layer.

    Raises TrainingError for a model with nothing to train, a rate or decay that cannot be, or a pattern that fits
    no trainable parameter.
    """
    placed = place(model, learning_rate=learning_rate, weight_decay=weight_decay, layer_decay=layer_decay, rates=rates)
    return group(placed)


def place(
    model: nn.Module,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    layer_decay: float | None = None,
    rates: Mapping[str, float] | None = None,
) -> list[Placed]:
    """Every trainable parameter of `model` with its rate and weight decay, by the rules of `parameter_groups`."""
    base = positive("learning_rate", learning_rate)
    decay = not_negative("weight_decay", weight_decay)
    if layer_decay is not None and positive("layer_decay", layer_decay) > 1:
        raise TrainingError(f"layer_decay must be in (0, 1], not {layer_decay:g}")
    patterns = {pattern: positive(f"rates[{pattern!r}]", rate) for pattern, rate in (rates or {}).items()}
    named = trainable(model)
    _refuse_idle(patterns, [name for name, _ in named])
    layers, undecayed = _layer_of(model), _norm_parameters(model)
    last = max(layers[id(one)] for _, one in named)
    placed = []
    for name, one in named:
        layer = layers[id(one)]
        pattern = next((pattern for pattern in patterns if _fits(pattern, name)), None)
        by_layer = base * (1.0 if layer_decay is None else layer_decay ** (last - layer))
        own_decay = 0.0 if one.ndim < 2 or id(one) in undecayed else decay
        placed.append(Placed(name, one, by_layer if pattern is None else patterns[pattern], own_decay, layer))
    return placed


def group(placed: list[Placed], **more: Any) -> list[dict[str, Any]]:
    """Groups of those with the same rate and decay; `more` goes into each."""
    groups: dict[tuple[float, float], list[Placed]] = {}
    for one in placed:
        groups.setdefault((one.learning_rate, one.weight_decay), []).append(one)
    return [
        {"params": [(one.name, one.parameter) for one in members], "lr": rate, "weight_decay": decay, **more}
        for (rate, decay), members in groups.items()
    ]


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _refuse_idle(patterns: Mapping[str, float], names: list[str]) -> None:
    for pattern in patterns:
        if not any(_fits(pattern, name) for name in names):
            some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
            raise TrainingError(f"rates: {pattern!r} fits no trainable parameter; there are {some}")


def _norm_parameters(model: nn.Module) -> set[int]:
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    return {id(one) for norm in norms for one in norm.parameters(recurse=False)}


def _layer_of(model: nn.Module) -> dict[int, int]:
    """The layer of each parameter, by its id; the first place of a shared one counts."""
    layers: dict[int, int] = {id(one): 0 for one in model.parameters(recurse=False)}
    layer = -1
    for module in _layers(model):
        own = [one for one in module.parameters() if one.requires_grad]
        if own and (layer < 0 or not isinstance(module, NORMS)):
            layer += 1
        for one in module.parameters():
            layers.setdefault(id(one), max(layer, 0))
    return layers


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    if not list(model.children()):
        yield model
    for child in model.children():
        if isinstance(child, (nn.Sequential, nn.ModuleList)):
            yield from _layers(child)
        else:
            yield child
