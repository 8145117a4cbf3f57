"""Keeps as many workers of a study running as it has work for."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lrtune.service.sentences.words import span
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.demand import Demand, Demands
from lrtune.trainers.launchers.engine import Engine, Fault, Seen
from lrtune.trainers.launchers.faults import MOST_ALIKE, Faults

ASK_EVERY_SECONDS = 5.0
"""What the study wants."""
IDLE_AFTER_SECONDS = 60.0
"""A worker without a trial may be about to ask for one; after this long it is one too many."""
SAID_WAITING_AFTER_SECONDS = 60.0
"""How long workers wait for resources before it is said."""
MOST_SILENCE_SECONDS = 300.0
"""Of the service, with no worker running."""
NOT_FINISHED = "it ended in good order, though the study is not finished"

logger = logging.getLogger(__name__)


@dataclass
class Slot:
    """A place for a worker."""

    name: str
    faults: Faults = field(default_factory=Faults)
    begun: float | None = None
    """When its worker was started, by the fleet's clock; None where it has none."""
    not_before: float = 0.0
    given_up: bool = False
    told_to_end: bool = False
    idle_since: float | None = None
    seen: Seen = field(default_factory=lambda: Seen("waiting"))


class Fleet:
    """At most `count` workers on an engine. `keep`: as many as that, whatever the study wants, until it is finished."""

    def __init__(
        self,
        engine: Engine,
        demands: Demands,
        count: int,
        *,
        name: str,
        keep: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._demands = demands
        self._keep = keep
        self._clock = clock
        self._slots = [Slot(f"{name}-{number}") for number in range(count)]
        self._demand: Demand | None = None
        self._asked_at: float | None = None
        self._heard_at = clock()
        self._waiting_since: float | None = None
        self._said: int | None = count

    def run(self, stopping: threading.Event) -> None:
        """Until the study is finished and all workers have ended, or `stopping` is set; what runs then is the caller's
        to end. Raises LaunchError where every worker was given up."""
        while not stopping.is_set() and self.look():
            stopping.wait(self._engine.look_every_seconds)

    @property
    def running(self) -> int:
        """Workers that were started and have not been seen to end."""
        return sum(slot.begun is not None for slot in self._slots)

    def look(self) -> bool:
        """Replaces, adds and ends workers as things stand; whether there is anything left to look after."""
        now = self._clock()
        ended = self._take_in(self._engine.look())
        fresh = self._ask(now, at_once=bool(ended))
        for slot, fault in ended:
            self._after(slot, fault, now)
        self._say_waiting(now)
        if self._demand is not None and not self._is_over():
            self._fit(self._demand, now, fresh=fresh)
        return self._goes_on(now)

    def _take_in(self, seen: Mapping[str, Seen]) -> list[tuple[Slot, Fault | None]]:
        ended = []
        for slot in self._slots:
            found = seen.get(slot.name)
            if slot.begun is None or found is None:
                continue
            if found.state == "running" and slot.seen.state != "running":
                logger.info("worker %s runs%s", slot.name, f" as {found.where}" if found.where else "")
            slot.seen = found
            if found.state == "ended":
                ended.append((slot, found.fault))
        return ended

    def _ask(self, now: float, *, at_once: bool) -> bool:
        """Whether the study has said what it wants, just now."""
        if not at_once and self._asked_at is not None and now - self._asked_at < ASK_EVERY_SECONDS:
            return False
        demand = self._demands.now()
        self._asked_at = self._clock()
        if demand is None:
            return False
        self._demand, self._heard_at = demand, self._asked_at
        return True

    def _after(self, slot: Slot, fault: Fault | None, now: float) -> None:
        """What becomes of a slot whose worker has ended."""
        lived = now - (slot.begun or now)
        told, slot.begun, slot.told_to_end = slot.told_to_end, None, False
        if told or self._is_over():
            return
        if fault is None:
            if self._demand is None or self._demand.finished:
                return
            fault = Fault(NOT_FINISHED)
        wait = slot.faults.note(fault, lived)
        if wait is None:
            slot.given_up = True
            logger.error("worker %s is not started again, after %d ends alike: %s", slot.name, MOST_ALIKE, fault.text)
            return
        slot.not_before = now + wait
        logger.warning("worker %s ended: %s; another takes its place in %.0f s", slot.name, fault.text, wait)

    def _fit(self, demand: Demand, now: float, *, fresh: bool) -> None:
        """Starts workers that are missing, or tells idle ones that are too many to end."""
        goal = len(self._slots) if self._keep or demand.workers is None else demand.workers
        goal = min(goal, len(self._slots))
        if goal != self._said:
            logger.info("the study has work for %d of %d workers", goal, len(self._slots))
            self._said = goal
        lacking = goal - self.running
        free = [slot for slot in self._slots if slot.begun is None and not slot.given_up and now >= slot.not_before]
        if lacking > 0 and free:
            starting = free[:lacking]
            self._engine.start([slot.name for slot in starting])
            for slot in starting:
                slot.begun, slot.seen, slot.idle_since = now, Seen("waiting"), None
        elif lacking < 0 and fresh:
            self._end_idle(demand.busy(), -lacking, now)

    def _end_idle(self, busy: frozenset[str], most: int, now: float) -> None:
        idle = []
        for slot in self._slots:
            if slot.begun is None or slot.told_to_end:
                continue
            if slot.name in busy:
                slot.idle_since = None
                continue
            slot.idle_since = now if slot.idle_since is None else slot.idle_since
            if slot.seen.state == "waiting" or now - slot.idle_since >= IDLE_AFTER_SECONDS:
                idle.append(slot)
        most -= sum(slot.told_to_end for slot in self._slots)
        if idle := idle[: max(0, most)]:
            names = [slot.name for slot in idle]
            logger.info("the study has no trial for %s: ended", ", ".join(names))
            self._engine.end(names)
            for slot in idle:
                slot.told_to_end = True

    def _is_over(self) -> bool:
        return self._demand is not None and (self._demand.finished or self._demand.halted is not None)

    def _goes_on(self, now: float) -> bool:
        if self.running:
            return True
        if self._demand is not None and self._demand.halted is not None:
            raise LaunchError(self._demand.halted)
        if self._is_over():
            return False
        if now - self._heard_at >= MOST_SILENCE_SECONDS:
            raise LaunchError(
                f"the service has not answered for {span(MOST_SILENCE_SECONDS)}, and no worker runs: "
                "look after it, then launch again"
            )
        if all(slot.given_up for slot in self._slots):
            last = self._slots[-1].faults.last
            raise LaunchError(
                f"no worker is left: each ended {MOST_ALIKE} times in a row, the last one so: "
                f"{last.text if last else 'unknown'}; mend that and launch again"
            )
        return True

    def _say_waiting(self, now: float) -> None:
        """Once, when workers have waited long for resources."""
        waiting = [slot for slot in self._slots if slot.begun is not None and slot.seen.state == "waiting"]
        if not waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= SAID_WAITING_AFTER_SECONDS:
            self._waiting_since = float("inf")
            logger.warning("%s for resources since %.0f s", _wait(len(waiting)), SAID_WAITING_AFTER_SECONDS)


def _wait(number: int) -> str:
    return "1 worker waits" if number == 1 else f"{number} workers wait"
