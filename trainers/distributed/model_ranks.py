"""The ranks that train one model, and the few things that they have to agree on in each step.

A model says by itself that several train it: it is DistributedDataParallel, or its parameters are sharded by
`fully_shard`. A model that is neither belongs to its process alone, whatever process groups there are.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from lrtune.trainers.errors import TrainingError

_RANK_SEED = 9_176_321
"""Between the seeds of two ranks' noise (dropout, augmentation): what is drawn for all of them has the seed itself."""

T = TypeVar("T")


class OneProcess:
    """As ModelRanks, of a model that its process trains alone."""

    rank, count, seed_offset = 0, 1, 0

    def mean(self, value: float) -> float:
        """The value."""
        return value

    def all(self, value: T) -> list[T]:
        """Of this process."""
        return [value]

    def from_first(self, call: Callable[[], T]) -> T:
        """What `call` returns."""
        return call()

    def together(self, call: Callable[[], T]) -> T:
        """What `call` returns."""
        return call()

    def check_same(self, settings: dict[str, Any]) -> None:
        """There is nobody else."""


class ModelRanks:
    """Rank `rank` of the `count` that train a model in the process group `group`."""

    def __init__(self, group: Any, device: torch.device) -> None:
        self.rank: int = distributed.get_rank(group)
        self.count: int = distributed.get_world_size(group)
        self._group = group
        self._device = device if distributed.get_backend(group) == "nccl" else torch.device("cpu")

    @property
    def seed_offset(self) -> int:
        """To be added to a seed for what is to differ between ranks; 0 on the first."""
        return self.rank * _RANK_SEED

    def total(self, values: Sequence[float]) -> list[float]:
        """The sum over ranks of each. Not finite on all where one is not."""
        summed = torch.tensor(list(values), dtype=torch.float64, device=self._device)
        distributed.all_reduce(summed, group=self._group)
        return [float(one) for one in summed.tolist()]

    def mean(self, value: float) -> float:
        """The mean over ranks."""
        return self.total((value,))[0] / self.count

    def all(self, value: T) -> list[T]:
        """Of every rank, in their order; anything that can be pickled."""
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value, group=self._group)
        return values

    def from_first(self, call: Callable[[], T]) -> T:
        """What `call` returns on the first rank, on all. Raises its exception there, and TrainingError on the
        others."""
        told: tuple[Any, str | None] = (None, None)
        failed: Exception | None = None
        if self.rank == 0:
            try:
                told = call(), None
            except Exception as error:
                failed, told = error, (None, f"{type(error).__name__}: {error}")
        answer, wrong = self.all(told)[0]
        if failed is not None:
            raise failed
        if wrong is not None:
            raise TrainingError(f"the first rank failed with {wrong}")
        return answer  # type: ignore[no-any-return]

    def together(self, call: Callable[[], T]) -> T:
        """What `call` returns on this rank. Where it raises TrainingError on some, it does on all: the same ranks go
        on."""
        failed: TrainingError | None = None
        try:
            answer = call()
        except TrainingError as error:
            failed = error
        wrong = self.all(None if failed is None else str(failed))
        if failed is not None:
            raise failed
        for rank, told in enumerate(wrong):
            if told is not None:
                raise TrainingError(f"rank {rank}: {told}")
        return answer

    def check_same(self, settings: dict[str, Any]) -> None:
        """Raises TrainingError, on all ranks, for the first of these settings that is not the same on all."""
        first, *others = self.all(settings)
        for rank, theirs in enumerate(others, 1):
            for name, value in first.items():
                if theirs.get(name) != value:
                    raise TrainingError(
                        f"{name} is {value!r} on rank 0 and {theirs.get(name)!r} on rank {rank}: give all ranks the "
                        "same, as lrtune.distributed.leases does with a trial's params"
                    )


def ranks_of(model: nn.Module) -> ModelRanks | None:
    """Who trains `model`; None where its process does alone. Raises TrainingError for FSDP's first version."""
    if not distributed.is_available() or not distributed.is_initialized():
        return None
    parameter = next(iter(model.parameters()), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    for module in model.modules():
        if isinstance(module, nn.parallel.DistributedDataParallel):
            return _several(module.process_group, device)
        if type(module).__name__ == "FullyShardedDataParallel":
            raise TrainingError("FullyShardedDataParallel is not trained here: shard the model with fully_shard")
    mesh = next((one.device_mesh for one in model.parameters() if hasattr(one, "device_mesh")), None)
    if mesh is None:
        return None
    return _several(mesh.get_group() if mesh.ndim == 1 else distributed.group.WORLD, device)


def bare(model: nn.Module) -> nn.Module:
    """The model within DistributedDataParallel, whose names are those that it has in one process."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def _several(group: Any, device: torch.device) -> ModelRanks | None:
    ranks = ModelRanks(group, device)
    return ranks if ranks.count > 1 else None
