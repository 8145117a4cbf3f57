"""What the processes of a run take: memory of the services, processor time of these and of the load."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.processes import processor_seconds, resident_bytes


@dataclass(frozen=True)
class Sample:
    """So many seconds after the first ask."""

    at: float
    resident: int
    """Bytes of the service that writes; 0 where it has just gone."""
    served_seconds: float
    """Processor time of the services until then."""
    load_seconds: float
    """And of the simulated workers."""


class Meter:
    """Looks at processes, which may be replaced by others."""

    def __init__(self, load: Sequence[int]) -> None:
        self._load = load
        self._seconds: dict[int, float] = {}

    def sample(self, at: float, writer: int, services: Sequence[int]) -> Sample:
        """How things stand."""
        resident = 0
        with contextlib.suppress(OSError, IndexError):
            resident = resident_bytes(writer)
        for pid in (*services, *self._load):
            with contextlib.suppress(OSError):
                self._seconds[pid] = processor_seconds(pid)
        load = sum(self._seconds[pid] for pid in self._load)
        return Sample(at, resident, sum(self._seconds.values()) - load, load)


def grown_bytes(samples: Sequence[Sample], since: float) -> float:
    """How much memory grew from `since` on, by the line through the samples of which it is known."""
    known = [(one.at, one.resident) for one in samples if one.at >= since and one.resident]
    if len(known) < 2:
        return 0.0
    middle = sum(at for at, _ in known) / len(known)
    level = sum(resident for _, resident in known) / len(known)
    spread = sum((at - middle) ** 2 for at, _ in known)
    slope = sum((at - middle) * (resident - level) for at, resident in known) / spread
    return slope * (known[-1][0] - known[0][0])


def cores(samples: Sequence[Sample], since: float) -> tuple[float, float]:
    """How many cores the services and the load kept busy from `since` on."""
    late = [one for one in samples if one.at >= since]
    if len(late) < 2:
        return 0.0, 0.0
    first, last = late[0], late[-1]
    seconds = last.at - first.at
    return (last.served_seconds - first.served_seconds) / seconds, (last.load_seconds - first.load_seconds) / seconds
