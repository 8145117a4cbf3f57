"""The worker that agents train through: it keeps their leases while they think, and gives back what they leave."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from lrtune.service.wire.trials import NoTrial
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import LrtuneError, Shutdown

LOOK_SECONDS = 30.0
"""Between two looks for trials that were forgotten."""

logger = logging.getLogger(__name__)


class NotLeasedHere(LrtuneError):
    """A trial was named that this process has no lease on."""

    def __init__(self, study: str, number: int, others: list[int]) -> None:
        held = f"those that are: {', '.join(map(str, others))}" if others else "none is"
        super().__init__(f"trial {number} of study {study} is not on lease here ({held}); call ask to lease one")


@dataclass
class _Held:
    trial: LeasedTrial
    used_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    """One call at a time about a trial."""


class AgentWorker:
    """Trials on lease to this process, by study and number; their leases are renewed until they end.

    Use it as a context manager: `close` gives back what is left, and closes the client, whose waits `stopping` cuts
    short. A trial that no call was about for `idle_seconds` is given back before. Safe to use from several threads.
    `clock` counts seconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        idle_seconds: float,
        stopping: threading.Event,
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self._idle_seconds = idle_seconds
        self._look_seconds = look_seconds
        self._clock = clock
        self._held: dict[tuple[str, int], _Held] = {}
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._stopping = stopping
        self._closed = False
        self._looking = threading.Thread(target=self._look, name="lrtune-mcp-idle", daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives all trials back, and closes the client. Again: waits until that is done."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._stopping.set()
            self._looking.join()
            try:
                self._give_back(lambda _: True)
            finally:
                self.client.close()

    def ask(self, study: str, *, anneals: bool, resumable: bool) -> LeasedTrial | NoTrial:
        """A trial, kept on lease from now on; or why there is none."""
        answer = self.client.study(study).ask(anneals=anneals, resumable=resumable)
        if isinstance(answer, NoTrial):
            return answer
        held = _Held(answer.__enter__(), self._clock())
        with self._lock:
            ending = self._stopping.is_set()
            if not ending:
                self._held[study, answer.number] = held
        if ending:
            give_back(answer)
            raise LrtuneError("lrtune mcp is ending: ask again when it has been started anew")
        return answer

    def numbers(self, study: str) -> list[int]:
        """The trials of a study that are on lease here, ascending."""
        with self._lock:
            return sorted(number for name, number in self._held if name == study)

    @contextmanager
    def trial(self, study: str, number: int) -> Iterator[LeasedTrial]:
        """A trial on lease, for one call at a time; it is kept no longer once it has ended. Raises NotLeasedHere."""
        with self._lock:
            held = self._held.get((study, number))
        if held is None:
            raise NotLeasedHere(study, number, self.numbers(study))
        with held.lock:
            if held.trial.outcome is not None:
                raise NotLeasedHere(study, number, self.numbers(study))
            held.used_at = self._clock()
            try:
                yield held.trial
            finally:
                held.used_at = self._clock()
                if held.trial.outcome is not None:
                    self._drop(study, number)

    def give_back_idle(self) -> None:
        """Gives back the trials that no call was about for too long."""
        now = self._clock()
        self._give_back(lambda held: now - held.used_at >= self._idle_seconds)

    def _give_back(self, chosen: Callable[[_Held], bool]) -> None:
        with self._lock:
            left = [(key, held) for key, held in self._held.items() if chosen(held)]
        for (study, number), held in left:
            with held.lock:
                if held.trial.outcome is None and chosen(held):
                    give_back(held.trial)
                    logger.warning("trial %d of study %s: %s", number, study, held.trial.outcome)
            if held.trial.outcome is not None:
                self._drop(study, number)

    def _drop(self, study: str, number: int) -> None:
        with self._lock:
            self._held.pop((study, number), None)

    def _look(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            self.give_back_idle()


def leave(trial: LeasedTrial, error: BaseException | None = None) -> None:
    """Ends a trial as the end of its `with` block would, by that error or none. Raises what cannot be told."""
    trial.__exit__(None if error is None else type(error), error, None)


def give_back(trial: LeasedTrial) -> None:
    """Unharmed, with its last checkpoint: as a worker that was told to end. What cannot be told is logged."""
    leave(trial, Shutdown(signal.SIGTERM))
