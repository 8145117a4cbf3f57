"""Garbage collection: when this process looks for cycles, and what it never looks at again.

A service holds millions of objects that live on and form no cycles: its mirrors. Left to itself, CPython goes through
all of them again and again, and everything stands still meanwhile, a quarter of a second for 100,000 trials. So:

- What is there once the service has started, and each study as it is loaded, is *frozen*: put where the collector does
  not look. A frozen object is freed as any other when the last reference goes, a forgotten mirror for example; only a
  frozen cycle is not.
- The oldest generation is collected once a second, from the event loop, and not whenever CPython would. That costs
  little while little has come since the last freezing. Where it has begun to cost more, what is left is frozen: that
  is mostly mirrors that grew. So what cycles could be frozen with them is a small share of what is kept anyhow.
- In a quiet moment, once an hour at most, everything is thawed, collected and frozen again, unless there is so much of
  it that whoever comes then would notice.

Nothing of this is switched on by an import: a script that uses the storage keeps its own collector.
"""

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator

YOUNG_OBJECTS = 2000
"""So many new objects make a collection of the youngest generation, some 0.1 ms; ten of these one of the next."""
_MIDDLE = 10
_NEVER = 1_000_000_000
_TICK_SECONDS = 1.0
_FREEZE_ABOVE_SECONDS = 0.002
"""Of processor time."""
_MOST_COLLECTED = 100_000
"""New objects that are gone through in one go; more are frozen unseen."""
_THAW_SECONDS = 3600.0
_MOST_THAWED = 1_000_000
"""Objects, a quarter of a second's worth: more stay frozen."""
_QUIET_SECONDS = 0.02
"""Processor time of a tick in which next to nothing was asked for."""
_QUIET_TICKS = 5

_lock = threading.Lock()
_pausing = 0
_running = False


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Many objects are made that live on and form no cycles. No collection runs meanwhile, in any thread; at the end
    they are frozen, where a Collector runs. Blocks may overlap."""
    global _pausing
    with _lock:
        ours = _pausing > 0 or gc.isenabled()  # Where somebody else keeps it off, it stays off.
        if ours:
            _pausing += 1
            gc.disable()
    try:
        yield
    finally:
        if ours:
            with _lock:
                _pausing -= 1
                if _pausing == 0:
                    if _running:
                        gc.freeze()
                    gc.enable()


class Collector:
    """The collector of a serving process, from `start` to `stop`. In the event loop.

    `observe` is told of every collection: its generation, and the seconds for which everything stood still.
    """

    def __init__(
        self,
        observe: Callable[[int, float], None] = lambda _generation, _seconds: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        processor_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._observe = observe
        self._clock = clock
        self._processor_clock = processor_clock
        self._thresholds = gc.get_threshold()
        self._timer: asyncio.TimerHandle | None = None
        self._thawed_at = 0.0
        self._processor_seconds = 0.0
        self._quiet = 0
        self._begun = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Collect and freeze what is there, and see to it from now on. Takes a tenth of a second or so."""
        global _running
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, _MIDDLE, _NEVER)
        gc.callbacks.append(self._measure)
        _running = True
        self._thawed_at, self._processor_seconds = self._clock(), self._processor_clock()
        self._timer = loop.call_later(_TICK_SECONDS, self._tick, loop)

    def stop(self) -> None:
        """Leave the collector as it was found."""
        global _running
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        _running = False
        gc.callbacks.remove(self._measure)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_TICK_SECONDS, self._tick, loop)
        self.look()

    def look(self) -> None:
        """Collect what has come, or freeze it. Once a second."""
        if not gc.isenabled():  # A study is being loaded.
            return
        if self._is_quiet() and self._clock() - self._thawed_at > _THAW_SECONDS:
            self._thaw()
        elif gc.get_count()[2] * YOUNG_OBJECTS * _MIDDLE > _MOST_COLLECTED:
            gc.freeze()
        else:
            begun = time.thread_time()
            gc.collect()
            if time.thread_time() - begun > _FREEZE_ABOVE_SECONDS:
                gc.freeze()

    def _is_quiet(self) -> bool:
        """Whether next to nothing has been asked of the process for some ticks."""
        now = self._processor_clock()
        used, self._processor_seconds = now - self._processor_seconds, now
        self._quiet = self._quiet + 1 if used < _QUIET_SECONDS else 0
        return self._quiet >= _QUIET_TICKS

    def _thaw(self) -> None:
        self._thawed_at, self._quiet = self._clock(), 0
        if gc.get_freeze_count() <= _MOST_THAWED:
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    def _measure(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = time.perf_counter()
        else:
            self._observe(info["generation"], time.perf_counter() - self._begun)
