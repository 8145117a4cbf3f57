"""Parameter groups: which rate and which weight decay each parameter of a model gets."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
      children in order, those of a Sequential or ModuleList one by one, also where a wrapper holds it (`backbone`,
      `encoder.layer`); a norm counts with the layer before it, what a wrapper holds itself with its first.
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
    refuse_idle("rates", list(patterns), [name for name, _ in named])
    layers, undecayed = _layer_of(model), _norm_parameters(model)
    last = max(layers[id(one)] for _, one in named)
    placed = []
    for name, one in named:
        layer = layers[id(one)]
        pattern = next((pattern for pattern in patterns if fits(pattern, name)), None)
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


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern is of a parameter, or of a module in which it lies."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def refuse_idle(what: str, patterns: Sequence[str], names: Sequence[str]) -> None:
    """Raises TrainingError for a pattern that fits none of the names."""
    for pattern in patterns:
        if not any(fits(pattern, name) for name in names):
            some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
            raise TrainingError(f"{what}: {pattern!r} fits no trainable parameter; there are {some}")


def _norm_parameters(model: nn.Module) -> set[int]:
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    return {id(one) for norm in norms for one in norm.parameters(recurse=False)}


def _layer_of(model: nn.Module) -> dict[int, int]:
    """The layer of each parameter, by its id; the first place of a shared one counts."""
    layers: dict[int, int] = {}
    layer, held = -1, list(model.parameters(recurse=False))
    for module, itself in _layers(model):
        own = list(module.parameters(recurse=not itself))
        if itself:
            held += own
            continue
        if any(one.requires_grad for one in own) and (layer < 0 or not isinstance(module, NORMS)):
            layer += 1
        for one in (*held, *own):
            layers.setdefault(id(one), max(layer, 0))
        held = []
    return layers | {id(one): max(layer, 0) for one in held if id(one) not in layers}


def _layers(model: nn.Module) -> Iterator[tuple[nn.Module, bool]]:
    """The layers in order, and the wrappers before what they hold, with True."""
    if not list(model.children()):
        yield model, False
    repeated = _repeated(model) if isinstance(model, _CONTAINERS) else set[type]()
    for child in model.children():
        if isinstance(child, _CONTAINERS) or (type(child) not in repeated and _holds_layers(child)):
            yield child, True
            yield from _layers(child)
        else:
            yield child, False


def _holds_layers(module: nn.Module) -> bool:
    """Whether it is a wrapper of layers: within it lie blocks of one kind in a row, or three layers of one kind. The
    two linear layers of a block's MLP make no wrapper of it."""
    for inner in module.modules():
        if isinstance(inner, nn.ModuleList) and len(_trained(inner)) > 1:
            return True
        if isinstance(inner, nn.Sequential):
            kinds = Counter(type(one) for one in _trained(inner))
            blocks = {type(one) for one in inner.children() if list(one.children())}
            if any(count > 2 or (count > 1 and kind in blocks) for kind, count in kinds.items()):
                return True
    return False


def _repeated(container: nn.Module) -> set[type]:
    return {kind for kind, count in Counter(type(one) for one in _trained(container)).items() if count > 1}


def _trained(container: nn.Module) -> list[nn.Module]:
    return [one for one in container.children() if next(one.parameters(), None) is not None]


_CONTAINERS = (nn.Sequential, nn.ModuleList)
