"""Batches for a training, in an order that depends on the seed and the epoch alone."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lrtune.trainers.checks import at_least
from lrtune.trainers.distributed.model_ranks import ModelRanks
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.random_state import random_state_kept, seed_everything
from lrtune.trainers.state.snapshots import reseed


class TensorBatches:
    """Batches of rows of tensors that lie in memory. The last may be smaller. With `shuffle`, each pass is in a new
    order, drawn from `generator`, which begins at `seed`."""

    def __init__(self, tensors: Sequence[Tensor], batch_size: int, *, shuffle: bool = True, seed: int = 0) -> None:
        """`tensors`: each [n, ...]. Raises TrainingError."""
        lengths = {len(tensor) for tensor in tensors}
        if len(lengths) != 1:
            raise TrainingError(f"the tensors of the data must be of one length, not {sorted(lengths)}")
        self.tensors = tuple(tensors)
        self.batch_size = at_least("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.generator = torch.Generator().manual_seed(seed)
        """Its state is the order of the passes to come: keep it, to go on from it."""
        (self.rows,) = lengths
        self.ranks: ModelRanks | None = None
        """Who shares each batch: this one has its part of the rows."""

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = torch.randperm(self.rows, generator=self.generator) if self.shuffle else torch.arange(self.rows)
        for batch in torch.split(order, self.batch_size):
            rows = batch if self.ranks is None else torch.tensor(part_of(batch.tolist(), self.ranks))
            yield tuple(tensor[rows.to(tensor.device)] for tensor in self.tensors)


def as_batches(data: Any, batch_size: int, *, shuffle: bool) -> Any:
    """`data` as an iterable of batches with a length: tensors, a data set, or a loader as it is.

    Raises TrainingError for anything else, and where there is nothing in it.
    """
    at_least("batch_size", batch_size, 1)
    batches: Any
    if isinstance(data, Tensor):
        batches = TensorBatches((data,), batch_size, shuffle=shuffle)
    elif isinstance(data, tuple) and data and all(isinstance(part, Tensor) for part in data):
        batches = TensorBatches(data, batch_size, shuffle=shuffle)
    elif isinstance(data, Dataset):
        batches = DataLoader(data, batch_size, shuffle=shuffle, generator=torch.Generator())
    elif isinstance(data, Iterable) and hasattr(data, "__len__"):
        batches = with_new_workers(data)
    else:
        raise TrainingError(
            f"data must be tensors, a data set or a DataLoader with a length, not a {type(data).__name__}"
        )
    if len(batches) == 0:
        raise TrainingError("data has no batch: give some rows")
    return batches


class _Parts:
    """This rank's part of each batch of row numbers that a batch sampler draws."""

    def __init__(self, batches: Any, ranks: ModelRanks) -> None:
        self.batches, self.ranks = batches, ranks

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return (part_of(rows, self.ranks) for rows in self.batches)


def part_of(rows: Sequence[int], ranks: ModelRanks) -> list[int]:
    """Every `count`-th of a batch's rows; where there are fewer rows than ranks, some are taken twice."""
    return list(rows[ranks.rank :: ranks.count]) or [rows[ranks.rank % len(rows)]]


def shared_batches(batches: Any, given: Any, ranks: ModelRanks) -> Any:
    """`batches`, made by `as_batches` of `given`, for one of several ranks that train together: its part of each, which
    all draw in the same order. A loader that was given is each rank's own.

    Raises TrainingError where the ranks would take different numbers of batches.
    """
    if isinstance(batches, TensorBatches):
        batches.ranks = ranks
    elif isinstance(given, Dataset):
        parts: Any = _Parts(batches.batch_sampler, ranks)
        batches = DataLoader(given, batch_sampler=parts, generator=batches.generator)
    ranks.check_same({"the number of batches": len(batches)})
    return batches


def with_new_workers(batches: Any) -> Any:
    """`batches`; a loader with persistent workers as one that starts new ones for each pass.

    Persistent workers carry their random state from one pass to the next, where nothing can read or seed it, so that
    random augmentation would depend on all passes before.
    """
    if not isinstance(batches, DataLoader) or not batches.persistent_workers:
        return batches
    fresh = copy.copy(batches)
    vars(fresh).update(persistent_workers=False, _iterator=None)  # Past `__setattr__`, which guards them.
    return fresh


class Stream:
    """The batches of one optimizer step after the other, epoch after epoch, from any place on.

    Each pass is seeded with the seed and its epoch, so that the order needs no memory of the passes before it.
    """

    def __init__(self, batches: Any, *, accumulate: int, seed: int) -> None:
        self.batches = batches
        self.accumulate = at_least("accumulate", accumulate, 1)
        self.seed = seed
        self.per_epoch = -(-len(batches) // self.accumulate)
        """Optimizer steps in an epoch; the last may have fewer micro-batches."""

    def groups(self, position: int) -> Iterator[list[Any]]:
        """Lists of micro-batches without end, from the `position`-th on."""
        epoch, done = divmod(position, self.per_epoch)
        while True:
            yield from self._epoch(epoch, done)
            epoch, done = epoch + 1, 0

    def _epoch(self, epoch: int, done: int) -> Iterator[list[Any]]:
        """What is left of an epoch. The process's random state goes on as if nothing had been skipped."""
        group: list[Any] = []
        with random_state_kept():
            seed_everything(self.seed + 1_000_003 * (epoch + 1))
            reseed(self.batches, self.seed + 1_000_003 * (epoch + 1))
            _set_epoch(self.batches, epoch)
            iterator = iter(self.batches)
            for _ in range(max(done, 1)):
                group = self._group(iterator)  # samplers draw their order when the first batch is asked for
        if done:
            group = self._group(iterator)
        elif not group:
            raise TrainingError("data had no batch on a new pass: give a loader that can be begun again")
        while group:
            yield group
            group = self._group(iterator)

    def _group(self, iterator: Iterator[Any]) -> list[Any]:
        return [batch for _, batch in zip(range(self.accumulate), iterator, strict=False)]


def _set_epoch(batches: Any, epoch: int) -> None:
    """For torch's DistributedSampler, whose order is the same in all epochs else."""
    set_epoch = getattr(getattr(batches, "sampler", None), "set_epoch", None)
    if callable(set_epoch):
        set_epoch(epoch)
