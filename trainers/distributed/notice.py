"""Word that the process of some rank is to end, for a training that writes a checkpoint first."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from lrtune.trainers.distributed.watch import Trouble


class SharedNotice:
    """Of a shared trial. A training that looks at it between its steps, on all ranks, need not wait for a report:

    if trial.notice.given:
        trial.checkpoint(save(), step)
        trial.notice.leave()
    """

    def __init__(self, told: Callable[[], Trouble | None]) -> None:
        """`told` is asked on rank 0, for all."""
        self._told = told
        self._trouble: Trouble | None = None

    @property
    def given(self) -> bool:
        """Whether it is time to leave: the same on all ranks, each of which waits here for rank 0."""
        self._trouble = self._told()
        return self._trouble is not None

    def heeded(self) -> AbstractContextManager[None]:
        """Within the block the training leaves by itself; ranks always do."""
        return nullcontext()

    def leave(self) -> None:
        """Raises Shutdown where notice was given: `with trial:` gives the trial back, with its last checkpoint."""
        if self._trouble is not None:
            raise self._trouble.error()
