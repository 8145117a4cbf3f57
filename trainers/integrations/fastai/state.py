"""All that a fastai Learner's training depends on: held in checkpoints, or put back after a range test."""

import copy
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.fastai.framework import to_device
from lrtune.trainers.state.random_state import random_state, set_random_state
from lrtune.trainers.state.snapshots import preserved as model_preserved


def state_of(learn: Any, epoch: int) -> dict[str, Any]:
    """What `set_state` needs to go on after `epoch` epochs, in tensors and plain values."""
    smooth = learn.recorder.smooth_loss
    return {
        "model": _plain(learn.model.state_dict()),
        "optimizer": _plain(learn.opt.state_dict()),
        "smooth_loss": _plain({"count": smooth.count, "val": smooth.val}),
        "epoch": epoch,
        "loaders": [one.getstate() for one in _generators(learn)],
        "random": random_state(),
    }


def set_state(learn: Any, state: dict[str, Any]) -> None:
    """Goes on from what `state_of` gave. Raises TrainingError where that was of another model or optimizer."""
    device = next(learn.model.parameters()).device
    for name, holder in (("model", learn.model), ("optimizer", learn.opt)):
        try:
            holder.load_state_dict(to_device(state[name], device))
        except (RuntimeError, ValueError, KeyError, AssertionError) as error:
            raise TrainingError(
                f"the checkpoint is of another {name}: build the {name} that it was written with"
            ) from error
    vars(learn.recorder.smooth_loss).update(state["smooth_loss"])
    for generator, kept in zip(_generators(learn), state["loaders"], strict=False):
        generator.setstate(kept)
    set_random_state(state["random"])


def reseed(learn: Any, seed: int) -> None:
    """Seeds the generators by which fastai's loaders shuffle."""
    for generator in _generators(learn):
        generator.seed(seed)


@contextmanager
def preserved(learn: Any) -> Iterator[None]:
    """Puts the Learner back at the end of the block: model, optimizer, callbacks, what they recorded, random state."""
    own = learn.opt if learn.opt is not None else learn.opt_func  # fastai takes one that is made as it is.
    optimizer = copy.deepcopy(own.state_dict()) if hasattr(own, "state_dict") else None
    recorder = getattr(learn, "recorder", None)
    holders = [learn, *learn.cbs, *([] if recorder is None else [recorder.loss, recorder.smooth_loss])]
    kept = [(holder, dict(vars(holder))) for holder in holders]
    cbs, drawn = learn.cbs.copy(), [one.getstate() for one in _generators(learn)]
    with model_preserved(learn.model, None):
        try:
            yield
        finally:
            for holder, attributes in kept:
                vars(holder).clear()
                vars(holder).update(attributes)
            learn.cbs = cbs
            if optimizer is not None:
                own.load_state_dict(optimizer)
            for generator, state in zip(_generators(learn), drawn, strict=True):
                generator.setstate(state)


def _generators(learn: Any) -> list[random.Random]:
    """Those of fastai's loaders, each of which makes a new one when it is begun. torch's loaders have none: they
    shuffle by the process's random state."""
    return [loader.rng for loader in learn.dls.loaders if isinstance(getattr(loader, "rng", None), random.Random)]


def _plain(value: Any) -> Any:
    """Without classes of fastai's and NumPy's, which a checkpoint does not hold."""
    if isinstance(value, Tensor):
        return value.detach().as_subclass(Tensor)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str) or not hasattr(value, "__iter__") else [_plain(one) for one in value]
