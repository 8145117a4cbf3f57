"""Word that this process is to end, for a training that writes a checkpoint before it does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lrtune.trainers.errors import Shutdown


class Notice:
    """SIGTERM, as a scheduler sends it that takes the machine away, breaks a training off wherever it is. Within
    `heeded()` it does not: the training looks at `given` between its steps, and leaves by itself.

        with trial.notice.heeded():
            while step < trial.max_steps:
                step, loss = step + 1, train_one_step()
                if trial.notice.given:
                    trial.checkpoint(save(), step)
                    trial.notice.leave()

    Whoever takes longer than the worker's grace is broken off after all. Without a worker nobody gives notice.
    """

    def __init__(self) -> None:
        self._given = threading.Event()
        self._signal_number = 0
        self._heeding = 0

    @property
    def given(self) -> bool:
        """Whether it is time to leave."""
        return self._given.is_set()

    @property
    def is_heeded(self) -> bool:
        """Whether a training looks at it."""
        return self._heeding > 0

    def give(self, signal_number: int) -> None:
        """For who was told that the process is to end, by this signal."""
        self._signal_number = signal_number
        self._given.set()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Within the block the training leaves by itself."""
        self._heeding += 1
        try:
            yield
        finally:
            self._heeding -= 1

    def leave(self) -> None:
        """Raises Shutdown where notice was given: `with trial:` gives the trial back, with its last checkpoint."""
        if self.given:
            raise Shutdown(self._signal_number)
