"""The end of a shared trial: each rank says how it left, and rank 0 ends the lease by what they say."""

import time
from collections.abc import Mapping
from contextlib import suppress

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed import watch
from lrtune.trainers.distributed.endings import Left, all_failed, joint_error, left_by
from lrtune.trainers.distributed.group import TIMEOUT_SECONDS, RankGroup
from lrtune.trainers.distributed.packing import packed, unpacked
from lrtune.trainers.distributed.watch import Trouble
from lrtune.trainers.errors import LeaseLost, RankLost, RanksApart, TrialStopped

JOIN_SECONDS = 10.0
"""For the other ranks to come, once one has left in an error."""
ALIKE_SECONDS = 5.0
"""For a rank that has failed to hear whether all have: while its process lives, others may wait for it in a
collective."""
_POLL_SECONDS = 0.02


class Leaving:
    """Of one lease, whose `key` all ranks know. On rank 0 it opens and ends the `trial`."""

    def __init__(self, group: RankGroup, key: str, trial: LeasedTrial | None) -> None:
        self.outcome: str | None = None
        """How the trial ended, in words; None until then."""
        self.failed_alike = False
        """Whether each rank failed by itself."""
        self._group, self._key, self._trial = group, key, trial

    def enter(self) -> None:
        """Begins the training, on this rank."""
        if self._trial is not None:
            self._trial.__enter__()
        self._group.watch.inside(self._end_stuck)

    def leave(self, error: BaseException | None) -> None:
        """Ends it, with the error that leaves the block on this rank. Raises what concerns all ranks, where this one
        leaves by no error of its own."""
        watching, rank = self._group.watch, self._group.ranks.rank
        left = self._said(left_by(error))
        if left.how in ("failed", "cut"):
            watching.say(Trouble("failed", rank, left.text, round=watching.round))
        elif left.how == "told":
            watching.say(Trouble("told", rank, signal_number=left.signal_number))
        try:
            if self._trial is not None:
                self._end(self._trial, error, left)
            else:
                self._hear_end(left)
        finally:
            watching.inside(None)
            if self.failed_alike:
                watching.forgive()

    def _said(self, left: Left) -> Left:
        with suppress(RankLost):  # Nobody hears it.
            if left.how == "failed":
                left = Left("failed", left.text, self._group.place(f"{self._key}/failed"))
            self._group.post(self._key, left)
        return left

    def _end(self, trial: LeasedTrial, error: BaseException | None, own: Left) -> None:
        try:
            left = {0: own, **self._others(patient=own.how in ("end", "verdict"))}
        except RankLost:
            left = {0: own, **dict.fromkeys(self._group.ranks.others)}
        joint = joint_error(error, left)
        self.failed_alike = all_failed(left)
        untold: BaseException | None = None
        try:
            trial.__exit__(
                None if joint is None else type(joint), joint, None if joint is None else joint.__traceback__
            )
        except BaseException as error_of_end:
            untold = error_of_end
        self.outcome = trial.outcome or "given back"
        raised = untold or joint
        told = None if raised is None else packed(raised)
        with suppress(RankLost):
            self._group.close_trial(self._key, (self.outcome, told, self.failed_alike))
        if raised is not error and (untold is not None or own.how in ("end", "verdict", "cut")):
            _raise(raised)

    def _others(self, *, patient: bool) -> Mapping[int, Left | None]:
        """How they left; None for who is lost. Those that still train are waited for while they live: as long as a call
        of theirs would wait, and where this rank leaves in an error, for `JOIN_SECONDS`."""
        left: dict[int, Left | None] = {}
        since = time.monotonic()
        while len(left) < self._group.ranks.count - 1:
            for rank in set(self._group.ranks.others) - left.keys():
                posted = self._group.posted(self._key, rank)
                waited = time.monotonic() - since
                if posted is not None:
                    left[rank] = posted
                    patient = patient and posted.how in ("end", "verdict")
                elif self._is_lost(rank, patient=patient):
                    left[rank], patient = None, False
                elif not patient and waited > JOIN_SECONDS:
                    left[rank] = Left("freed")  # Its own watch ends it, where it stands.
                elif waited > TIMEOUT_SECONDS:
                    left[rank] = Left("cut", f"rank {rank} did not come to the end for {TIMEOUT_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        return left

    def _is_lost(self, rank: int, *, patient: bool) -> bool:
        watching = self._group.watch
        trouble = watching.trouble
        if trouble is not None and trouble.kind == "lost" and trouble.rank == rank:
            return True
        return not patient and watching.silent_seconds(rank) > watch.SUSPECT_SECONDS

    def _hear_end(self, own: Left) -> None:
        in_order = own.how in ("end", "verdict")
        timeout = TIMEOUT_SECONDS if in_order else ALIKE_SECONDS
        try:
            heard = self._group.hear_close(self._key, timeout, heed_trouble=in_order)
        except (RanksApart, RankLost):
            self.outcome = "left to rank 0"
            if in_order:
                raise
            return
        self.outcome, told, self.failed_alike = heard
        if in_order and told is not None:
            _raise(unpacked(told))

    def _end_stuck(self, trouble: Trouble) -> None:
        """This rank stands in a step, and is about to be ended."""
        if self._trial is not None:
            error = trouble.error()
            self._trial.__exit__(type(error), error, None)


def _raise(error: BaseException | None) -> None:
    """But for what ends a block quietly."""
    if error is not None and not isinstance(error, LeaseLost | TrialStopped):
        raise error
