"""How a trial ends that the ranks have left in different ways.

    one failed by itself           the trial has failed, with that rank's traceback: the first, where several did
    one is lost                    this attempt is lost: the trial is trained again, up to `max_attempts` times
    one was told to end            it is given back unharmed
    all came to the end, or to a verdict: as with one process

An error that only says that another rank did not take its part (a collective that broke) is nobody's failure while
there is another reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lrtune.trainers.client.endings import error_text, told_to_end
from lrtune.trainers.distributed.store import of_a_collective
from lrtune.trainers.errors import (
    LeaseLost,
    RankFailed,
    RankLost,
    RanksApart,
    Shutdown,
    TrialStopped,
    is_of_the_service,
)

SIGTERM = 15


@dataclass(frozen=True)
class Left:
    """How a rank has left its `with trial:`: by the `end` of the training, a `verdict`, being `told` to end, having
    been `freed` since another rank had gone, or the service, an error that `cut` a collective, or as it `failed`."""

    how: Literal["end", "verdict", "told", "freed", "cut", "failed"]
    text: str = ""
    place: int = 0
    """Among those that failed, the first is 1."""
    signal_number: int = SIGTERM


def left_by(error: BaseException | None) -> Left:
    """As which the block was left by `error`."""
    if error is None:
        return Left("end")
    if isinstance(error, TrialStopped | LeaseLost):
        return Left("verdict")
    if isinstance(error, RankFailed | RankLost) or is_of_the_service(error):
        return Left("freed")
    if told_to_end(error):
        return Left("told", signal_number=getattr(error, "signal_number", SIGTERM))
    if of_a_collective(error) or isinstance(error, RanksApart):
        return Left("cut", error_text(error))
    return Left("failed", error_text(error))


def joint_error(own: BaseException | None, left: Mapping[int, Left | None]) -> BaseException | None:
    """The error by which rank 0's lease ends, of its own and of how each rank has left, rank 0 too; None for a rank
    that is lost."""
    if isinstance(own, LeaseLost):
        return own
    failed = [(one.place, rank, one) for rank, one in left.items() if one is not None and one.how == "failed"]
    if failed:
        _, rank, first = min(failed, key=lambda one: one[:2])
        return own if rank == 0 else RankFailed(rank, first.text)
    lost = [rank for rank, one in left.items() if one is None]
    if lost:
        return RankLost(lost[0])
    own_left = left[0]
    if own_left is not None and own_left.how in ("told", "cut"):
        return own
    cut = [(rank, one) for rank, one in left.items() if one is not None and one.how == "cut"]
    if cut:
        rank, one = cut[0]
        return RankFailed(rank, one.text)
    told = [one for one in left.values() if one is not None and one.how == "told"]
    return Shutdown(told[0].signal_number) if told else own


def all_failed(left: Mapping[int, Left | None]) -> bool:
    """Whether each rank failed by itself, so that none waits for another and all can train the next trial."""
    return all(one is not None and one.how == "failed" for one in left.values())
