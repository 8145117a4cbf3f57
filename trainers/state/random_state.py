"""The random state of a process: Python's, NumPy's and torch's generators, those of its GPUs among them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """What `set_random_state` needs to go on from here; plain data and tensors, to be kept in a checkpoint."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": _numpy_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def _numpy_state() -> tuple[torch.Tensor, int, int, float]:
    """Of the global generator, which is always a Mersenne twister: key, position, and a Gaussian in hand."""
    state: Any = np.random.get_state()
    _, key, position, has_gauss, gauss = state
    return torch.from_numpy(key.astype(np.int64)), int(position), int(has_gauss), float(gauss)


def set_random_state(state: dict[str, Any]) -> None:
    """Puts every generator back to where `random_state` found it; those of GPUs as far as there are as many here."""
    random.setstate(state["python"])
    key, *rest = state["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state.get("cuda", [])[: torch.cuda.device_count()])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def seed_everything(seed: int) -> None:
    """Seeds Python's, NumPy's and torch's generators (CPU and GPUs)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leaves the process's random state as it was, however the block ends."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
