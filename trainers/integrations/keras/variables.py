"""All that a compiled Keras model depends on, on the torch backend: kept, put back, and held in checkpoints."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.random_state import random_state, random_state_kept, set_random_state


def built(model: Any) -> None:
    """Makes the optimizer's variables, which Keras else makes with the first step. Raises TrainingError."""
    if getattr(model, "optimizer", None) is None:
        raise TrainingError("the model has no optimizer: call model.compile(optimizer=…, loss=…) first")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


@contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Puts weights, optimizer, metrics, seeds of layers and the process's random state back at the end of the block."""
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    kept, mode = _values(variables), model.training
    with random_state_kept():
        try:
            yield
        finally:
            _assign(variables, kept)
            model.zero_grad()
            model.train(mode)


def state_of(model: Any, epoch: int) -> dict[str, Any]:
    """What `set_state` needs to go on after `epoch` epochs, in tensors and plain values."""
    return {
        "model": _values(model.variables),
        "optimizer": _values(model.optimizer.variables),
        "epoch": epoch,
        "random": random_state(),
    }


def set_state(model: Any, state: dict[str, Any]) -> None:
    """Goes on from what `state_of` gave. Raises TrainingError where that was of another model or optimizer."""
    built(model)
    for name, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
        kept = state.get(name)
        if not isinstance(kept, list) or [list(one.shape) for one in kept] != [list(one.shape) for one in variables]:
            raise TrainingError(f"the checkpoint is of another {name}: build the {name} that it was written with")
        _assign(variables, kept)
    set_random_state(state["random"])


def _values(variables: Sequence[Any]) -> list[Tensor]:
    return [one.value.detach().clone() for one in variables]


def _assign(variables: Sequence[Any], values: Sequence[Tensor]) -> None:
    for one, value in zip(variables, values, strict=True):
        one.assign(value)
