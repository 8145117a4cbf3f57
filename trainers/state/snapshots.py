"""Everything a training depends on, kept and put back bit for bit.

with preserved(model, optimizer, batches=loader, scaler=scaler):
    ...  # train as you like; afterwards nothing has happened
"""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lrtune.trainers.distributed.sharding import reshard
from lrtune.trainers.state.random_state import random_state_kept

DEPTH = 5
"""How far generators are looked for from an iterable of batches: loader, batch sampler, sampler, data set."""

LONGEST_LIST = 100
"""Longer ones hold data, not samplers."""

_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_CLOSED = (Tensor, nn.Module, type, ModuleType)
"""What is not looked into."""

_PLAIN = (int, float, bool, str, type(None))


@contextmanager
def preserved(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    *,
    batches: object = None,
    scaler: torch.amp.GradScaler | None = None,
) -> Iterator[None]:
    """Restores at the end of the block, also when it raises.

    - the model: parameters, buffers (those not in the state dict, too), gradients, training modes, requires_grad
    - the optimizer, where there is one of torch's: state and parameter groups, without the casts of `load_state_dict`
    - the scaler; the process's random state; generators and counters of `batches` and its samplers

    Parameters and buffers stay the same objects: graphs, hooks and other references to them go on to hold.
    """
    restore = [_keep_model(model), *_keep_order(batches)]
    if optimizer is not None:
        restore.append(_keep_optimizer(optimizer))
    if scaler is not None:
        restore.append(_keep_attributes(scaler))
    with random_state_kept():
        try:
            yield
        finally:
            for put_back in restore:
                put_back()


def reseed(batches: object, seed: int) -> None:
    """Seeds the generators that an iterable of batches holds, in its samplers and data set, too: torch's, NumPy's and
    Python's."""
    for one in _reachable(batches):
        if isinstance(one, torch.Generator):
            one.manual_seed(seed)
        elif isinstance(one, np.random.Generator):
            one.bit_generator.state = type(one.bit_generator)(seed).state
        elif isinstance(one, np.random.RandomState):
            one.seed(seed % 2**32)
        elif isinstance(one, random.Random):
            one.seed(seed)


def _keep_model(model: nn.Module) -> Any:
    reshard(model)
    modules = list(model.modules())
    modes = [module.training for module in modules]
    extra = [_extra_state(module) for module in modules]
    held = [
        (store, name, tensor, tensor.detach().clone())
        for module in modules
        for store in _stores(module)
        for name, tensor in store.items()
        if tensor is not None
    ]
    flags = [(one, one.requires_grad, one.grad, _clone(one.grad)) for one in model.parameters()]

    @torch.no_grad()
    def put_back() -> None:
        reshard(model)
        for store, name, tensor, content in held:
            tensor.copy_(content)
            store[name] = tensor
        for parameter, requires_grad, gradient, values in flags:
            parameter.requires_grad_(requires_grad)
            if gradient is not None and values is not None:
                gradient.copy_(values)
            parameter.grad = gradient
        for module, mode, state in zip(modules, modes, extra, strict=True):
            module.training = mode
            if state is not None:
                module.set_extra_state(state)

    return put_back


def _stores(module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    return module._parameters, module._buffers


def _extra_state(module: nn.Module) -> Any:
    """What a module keeps beside its tensors, where it says so."""
    if type(module).get_extra_state is nn.Module.get_extra_state:
        return None
    return copy.deepcopy(module.get_extra_state())


def _keep_optimizer(optimizer: torch.optim.Optimizer) -> Any:
    state = {key: _copy(value) for key, value in optimizer.state.items()}
    groups = [(group, list(group["params"]), _without(group, "params")) for group in optimizer.param_groups]
    attributes = _plain(optimizer)

    def put_back() -> None:
        optimizer.state.clear()
        optimizer.state.update(state)
        optimizer.param_groups[:] = [group for group, _, _ in groups]
        for group, parameters, rest in groups:
            group.clear()
            group.update({"params": parameters, **rest})
        _set_plain(optimizer, attributes)

    return put_back


def _without(group: dict[str, Any], left_out: str) -> dict[str, Any]:
    return {key: _copy(value) for key, value in group.items() if key != left_out}


def _copy(value: Any) -> Any:
    """A deep copy; parameters that the state refers to stay themselves."""
    if isinstance(value, nn.Parameter):
        return value
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) is dict:
        return {key: _copy(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copy(one) for one in value)
    return copy.deepcopy(value)


def _keep_attributes(holder: object) -> Any:
    kept = {name: _copy(value) for name, value in vars(holder).items()}

    def put_back() -> None:
        vars(holder).clear()
        vars(holder).update(kept)

    return put_back


def _keep_order(batches: object) -> Iterator[Any]:
    """Puts generators and plain counters (a sampler's epoch) back."""
    for one in _reachable(batches):
        if isinstance(one, torch.Generator):
            yield partial(one.set_state, one.get_state())
        elif isinstance(one, np.random.Generator):
            yield partial(setattr, one.bit_generator, "state", copy.deepcopy(one.bit_generator.state))
        elif isinstance(one, np.random.RandomState):
            yield partial(one.set_state, one.get_state())
        elif isinstance(one, random.Random):
            yield partial(one.setstate, one.getstate())
        else:
            yield partial(_set_plain, one, _plain(one))


def _plain(holder: object) -> dict[str, Any]:
    return {name: value for name, value in vars(holder).items() if isinstance(value, _PLAIN)}


def _set_plain(holder: object, attributes: dict[str, Any]) -> None:
    """Past `__setattr__`, which a DataLoader guards."""
    for name in [name for name, value in vars(holder).items() if isinstance(value, _PLAIN) and name not in attributes]:
        del vars(holder)[name]
    vars(holder).update(attributes)


def _reachable(source: object) -> list[Any]:
    """`source` and the objects it is made of, as far as attributes and short lists lead."""
    found: dict[int, Any] = {}
    waiting = [(source, 0)]
    while waiting:
        one, depth = waiting.pop()
        if id(one) in found or isinstance(one, _CLOSED):
            continue
        if isinstance(one, _GENERATORS):
            found[id(one)] = one
        elif isinstance(one, (list, tuple)) and len(one) <= LONGEST_LIST:
            waiting += [(value, depth + 1) for value in one]
        elif hasattr(one, "__dict__") and depth < DEPTH:
            found[id(one)] = one
            waiting += [(value, depth + 1) for value in vars(one).values()]
    return list(found.values())


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().clone()
