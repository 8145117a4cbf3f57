"""How many shards a process serves."""

from lrtune.service.storage.memory.shards import SHARDS


def share_of(processes: int) -> int:
    """The most shards that one of so many processes serves: 64 alone, 32 of two, 22 of three. All of them together are
    never fewer than there are, so that none is left over."""
    return -(-SHARDS // processes)
