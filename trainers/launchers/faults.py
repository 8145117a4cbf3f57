"""Whether a worker that ended is started again, and when."""

from dataclasses import dataclass

from lrtune.service.sentences.failures import same_error
from lrtune.trainers.launchers.engine import Fault

MOST_ALIKE = 3
"""Ends in a row with the same fault, before a worker is not started again."""
FORGIVEN_AFTER_SECONDS = 600.0
"""What happened before a worker that lived this long is not held against it."""
LONGEST_WAIT_SECONDS = 60.0


@dataclass
class Faults:
    """Of one slot of a fleet."""

    alike: int = 0
    last: Fault | None = None

    def note(self, fault: Fault, lived_seconds: float) -> float | None:
        """Seconds until a worker is started in its place; None: never.

        1, 2, 4, … seconds; faults are alike where they differ in numbers only. A lost machine is never held against it.
        """
        if fault.lost:
            return 1.0
        alike = self.last is not None and same_error(fault.text) == same_error(self.last.text)
        if not alike or lived_seconds >= FORGIVEN_AFTER_SECONDS:
            self.alike = 0
        self.alike, self.last = self.alike + 1, fault
        return None if self.alike >= MOST_ALIKE else min(LONGEST_WAIT_SECONDS, 2.0 ** (self.alike - 1))
