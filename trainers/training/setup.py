"""What a training is made of, from what a person names: device, optimizer, dropout."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lrtune.trainers.checks import share
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import build_optimizer


def pick_device(name: str) -> torch.device:
    """`auto` is the first GPU there is, else the CPU. Raises TrainingError for a device that is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        cause = str(error).splitlines()[0]
        raise TrainingError(f"device {name!r} cannot be used ({cause}): use auto, cpu, cuda or mps") from None
    return device


def optimizer_for(model: nn.Module, named: str | Mapping[str, Any], **how: Any) -> torch.optim.Optimizer:
    """The optimizer with this name, or with the name and options in a mapping."""
    if isinstance(named, str):
        return build_optimizer(named, model, **how)
    options = dict(named)
    taken = sorted(how.keys() & options.keys())
    if "name" not in options or taken:
        wrong = f"give {taken[0]} beside it, not in it" if taken else 'it needs a name, as in {"name": "adam"}'
        raise TrainingError(f"optimizer {options!r}: {wrong}")
    return build_optimizer(options.pop("name"), model, **how, **options)


def set_dropout(model: nn.Module, share_dropped: float | None) -> None:
    """Sets every dropout in `model`, those within attention among them."""
    if share_dropped is None:
        return
    share_dropped = share("dropout", share_dropped)
    found = False
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p, found = share_dropped, True
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout, found = share_dropped, True
    if not found:
        raise TrainingError(f"dropout={share_dropped:g} was given, but {type(model).__name__} has no dropout module")
