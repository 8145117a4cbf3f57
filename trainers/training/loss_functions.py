"""Losses of torch as loss functions of a model and a batch."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from lrtune.trainers.errors import TrainingError

LossFunction = Callable[[nn.Module, Any], Tensor]
"""`loss_function(model, batch)`: the mean loss over a batch, a scalar to call `backward` on."""

_CLASSES, _FUNCTIONS = "torch.nn.modules.loss", "torch.nn.functional"


def of_batch(loss: Any) -> LossFunction:
    """`loss` itself where it takes `(model, batch)`. A loss of torch, which takes `(outputs, targets)`, is called with
    the model's outputs for a batch of `(inputs, targets)`: `nn.CrossEntropyLoss()`, its class or its name
    (`"torch.nn:CrossEntropyLoss"`), or `nn.functional.cross_entropy`.

    Raises TrainingError for what is no loss; the function does, where a batch is no such pair.
    """
    if isinstance(loss, str):
        loss = _named(loss)
    if isinstance(loss, type) and _is_of_torch(loss):
        loss = loss()
    if not callable(loss):
        raise TrainingError(
            f"the loss function must be loss_function(model, batch), or a loss of torch, not a {type(loss).__name__}"
        )
    if not _is_of_torch(type(loss)) and getattr(loss, "__module__", None) != _FUNCTIONS:
        return loss  # type: ignore[no-any-return]

    def of_outputs(model: nn.Module, batch: Any) -> Tensor:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise TrainingError(
                f"{_name(loss)} needs batches of (inputs, targets), not {_shown(batch)}: "
                "write loss_function(model, batch) for others"
            )
        inputs, targets = batch
        return loss(model(inputs), targets)  # type: ignore[no-any-return]

    return of_outputs


def _named(name: str) -> Any:
    module, _, attribute = name.rpartition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, ValueError, AttributeError):
        raise TrainingError(
            f"there is no loss {name!r}: write module:name, as in torch.nn:CrossEntropyLoss, or give the loss itself"
        ) from None


def _is_of_torch(kind: type) -> bool:
    return any(base.__module__ == _CLASSES for base in kind.__mro__)


def _name(loss: Any) -> str:
    return getattr(loss, "__name__", None) or type(loss).__name__


def _shown(batch: Any) -> str:
    return f"{len(batch)} parts" if isinstance(batch, tuple | list) else f"a {type(batch).__name__}"
