"""Which of a training's processes this one is."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from lrtune.trainers.errors import LrtuneError

_MEETING = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """Rank `rank` of `count` processes that train together; rank 0 alone talks to the service."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    @property
    def others(self) -> range:
        """All but rank 0."""
        return range(1, self.count)


ALONE = Ranks()


def ranks_here(environment: Mapping[str, str] | None = None) -> Ranks:
    """As torch.distributed has it where it is initialized, else as the launcher says in RANK and WORLD_SIZE; one
    process where nobody says anything. torch.distributed is not imported for it.

    Raises LrtuneError, naming the variable, where these cannot be.
    """
    distributed = sys.modules.get("torch.distributed")
    if environment is None and distributed is not None and distributed.is_available() and distributed.is_initialized():
        return Ranks(distributed.get_rank(), distributed.get_world_size())
    variables = os.environ if environment is None else environment
    count = _number(variables, "WORLD_SIZE", 1, least=1)
    if count == 1:
        return ALONE
    rank = _number(variables, "RANK", None, least=0)
    if rank >= count:
        raise LrtuneError(f"RANK={rank} is none of WORLD_SIZE={count} processes: ranks count from 0")
    missing = [name for name in _MEETING if not variables.get(name)]
    if missing:
        raise LrtuneError(
            f"WORLD_SIZE is {count}, but {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: start "
            "the processes with torchrun, or unset WORLD_SIZE to train in one"
        )
    return Ranks(rank, count)


def _number(variables: Mapping[str, str], name: str, default: int | None, *, least: int) -> int:
    given = variables.get(name, "")
    if not given and default is not None:
        return default
    if not given.isdecimal() or int(given) < least:
        told = f"{name}={given!r} is no whole number ≥ {least}" if given else f"WORLD_SIZE is set, and {name} is not"
        raise LrtuneError(f"{told}: start the processes with torchrun, or unset WORLD_SIZE to train in one")
    return int(given)
