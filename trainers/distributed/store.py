"""Where the ranks of a training meet: the store of torch.distributed, a small table of bytes that all of them read and
write. The launcher keeps it (torchrun), else rank 0.

Not a process group: it is there before one is made and whatever its backend, a wait of hours is no error in it, and a
rank that waits can look around meanwhile.
"""

import itertools
import os
from typing import Any, TypeAlias

from lrtune.trainers.distributed.ranks import Ranks
from lrtune.trainers.errors import LrtuneError

Store: TypeAlias = Any
"""`torch.distributed.Store`, which is typed nowhere."""

_opened = itertools.count()


def open_store(ranks: Ranks) -> Store:
    """A part of it that is this call's alone; all ranks must make their calls in the same order.

    Waits for the others to come, for torch's five minutes at the most. Raises LrtuneError where they do not.
    """
    from torch import distributed  # noqa: PLC0415 (half a second, for trainings in several processes alone)
    from torch.distributed.rendezvous import rendezvous  # noqa: PLC0415

    try:
        if distributed.is_initialized():
            base = distributed.distributed_c10d._get_default_store()
        else:
            base = next(iter(rendezvous("env://", ranks.rank, ranks.count)))[0]
    except (RuntimeError, ValueError, OSError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise LrtuneError(
            f"rank {ranks.rank} of {ranks.count} cannot meet the others at {where} ({_line(error)}): "
            "look whether all of them were started, and whether that address reaches rank 0"
        ) from error
    restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # The launcher's store outlives its processes.
    return distributed.PrefixStore(f"lrtune/{restart}/{next(_opened)}", base)  # type: ignore[attr-defined]


def is_away(error: BaseException) -> bool:
    """Whether the store has gone with the process that kept it."""
    from torch import distributed  # noqa: PLC0415

    return isinstance(error, distributed.DistError | OSError)


def of_a_collective(error: BaseException) -> bool:
    """Whether an error only says that another rank did not take its part: that one knows why."""
    from torch import distributed  # noqa: PLC0415

    told = str(error).lower()
    marks = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "processgroup")
    return isinstance(error, distributed.DistError) or (
        isinstance(error, RuntimeError) and any(mark in told for mark in marks)
    )


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
