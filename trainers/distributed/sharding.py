"""A model that lies in parts on several ranks (`fully_shard`), as the whole that one process would have; and back."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn


def is_sharded(value: object) -> bool:
    """Whether this is a DTensor."""
    return isinstance(value, Tensor) and hasattr(value, "full_tensor")


def whole(state: Any) -> Any:
    """`state` with whole tensors on the CPU in place of sharded ones; mappings, lists and tuples are followed. All
    ranks must call it, with states of the same form."""
    if is_sharded(state):
        return state.full_tensor().detach().cpu()
    if isinstance(state, Mapping):
        return {key: whole(value) for key, value in state.items()}
    if type(state) in (list, tuple):
        return type(state)(whole(value) for value in state)
    return state


def part_here(tensor: Tensor) -> Tensor:
    """This rank's part of a sharded tensor, to be changed in place; any other tensor itself."""
    return tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def over_parts(value: Tensor, of: Any, how: str) -> Tensor:
    """The `sum` or `max` of a scalar over the ranks that have a part of the sharded tensor `of`."""
    from torch.distributed.tensor import DTensor, Partial, Replicate  # noqa: PLC0415 (for sharded models alone)

    partial = [Replicate() if one.is_replicate() else Partial(how) for one in of.placements]
    return DTensor.from_local(part_here(value), of.device_mesh, partial).full_tensor()


def in_parts(full: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """A model's state, whole, as this rank has its part of it; nothing is sent."""
    return {name: _part(value, like.get(name)) for name, value in full.items()}


def optimizer_in_parts(full: Mapping[str, Any], optimizer: Any) -> dict[str, Any]:
    """An optimizer's state, whole, as this rank has its part of it: what has a parameter's shape is cut as that is."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state = {
        index: {name: _part(value, parameters[index]) for name, value in one.items()}
        for index, one in full["state"].items()
    }
    return {**full, "state": state}


def reshard(model: nn.Module) -> None:
    """Puts what `fully_shard` has gathered for a forward pass back in parts: after one without a backward pass the
    outermost module still holds the whole."""
    for module in _sharded_modules(model):
        module.reshard()


def _sharded_modules(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if callable(getattr(module, "reshard", None)))


def _part(value: Any, like: Any) -> Any:
    if not (is_sharded(like) and isinstance(value, Tensor) and value.shape == like.shape):
        return value
    from torch.distributed.tensor import distribute_tensor  # noqa: PLC0415 (for sharded models alone)

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
