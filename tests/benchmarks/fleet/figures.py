"""What a fleet's run comes to, as tables and as figures that hold or do not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.benchmarks.fleet.check import Twice
from tests.benchmarks.fleet.journal import ENDPOINTS, Entry, Timed
from tests.benchmarks.fleet.meter import Sample, cores, grown_bytes
from tests.benchmarks.fleet.plan import Plan
from tests.benchmarks.fleet.services import Fault
from tests.benchmarks.storage.load import quantile

_SETTLED_SECONDS = 3.0
"""After all have a first trial, and after a takeover: what is measured then counts among the rest."""
_COLD_SECONDS = 10.0
_P99_SECONDS = 0.250
_HISTORY_BYTES_PER_REPORT = 250
"""What a service may grow by for each report: the history that it keeps in memory."""
_FLAT_BYTES = 24 << 20
"""And otherwise, in half of the run."""

CALM, START = "calm", "start"


@dataclass(frozen=True)
class Row:
    """The answers to one kind of request in one part of the run, in seconds."""

    part: str
    endpoint: str
    count: int
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Figure:
    """One figure; `holds` None where it is not judged."""

    what: str
    found: str
    must: str
    holds: bool | None


@dataclass
class Found:
    """All of it."""

    plan: Plan
    begin: float
    cold_seconds: float
    faults: list[Fault]
    samples: list[Sample]
    broken: list[str] = field(default_factory=list)
    twice: Twice = field(default_factory=lambda: Twice(0, 0))
    rows: list[Row] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    late_reports: int = 0
    """Reports in the second half."""
    freed: list[float] = field(default_factory=list)
    """Seconds from a dead worker's last renewal to the end of its lease."""

    def part_of(self, at: float, seconds: float = 0.0) -> str:
        """Which part of the run a request belongs to that was sent then and took so long."""
        for fault in self.faults:
            if fault.at - 0.5 <= at + seconds and at < fault.taken_over_at + _SETTLED_SECONDS:
                return fault.what
        return START if at < self.begin + self.cold_seconds + _SETTLED_SECONDS else CALM

    def take(self, told: Iterable[Entry], timings: Iterable[Timed], freed: list[float]) -> None:
        """Take in what the workers wrote down."""
        took: dict[tuple[str, str], list[float]] = defaultdict(list)
        half = self.begin + self.plan.seconds / 2
        for timed in timings:
            took[self.part_of(timed.at, timed.seconds), timed.endpoint].append(timed.seconds)
            self.late_reports += timed.endpoint == "report" and timed.at >= half
        for entry in told:
            self.counts[entry["kind"]] += 1
            if entry["kind"] == "refused":
                part = self.part_of(entry["at"])
                self.refused[part] += 1
                if part in (CALM, START):
                    self.refusals[f"{entry['endpoint']}: {entry['status']} {entry['text']}"] += 1
        self.freed = freed
        self.rows = list(self._rows(took))

    def _rows(self, took: dict[tuple[str, str], list[float]]) -> Iterator[Row]:
        for part in (CALM, START, *dict.fromkeys(fault.what for fault in self.faults)):
            every = [s for (of, name), many in took.items() if of == part and name != "sleep" for s in many]
            for endpoint, many in (*((name, took.get((part, name), [])) for name in ENDPOINTS), ("all", every)):
                if many:
                    shares = (quantile(many, share) for share in (0.5, 0.95, 0.99))
                    yield Row(part, endpoint, len(many), *shares, max(many))

    def figures(self) -> list[Figure]:
        """What is promised of a fleet, and what was found."""
        calm = next((row for row in self.rows if (row.part, row.endpoint) == (CALM, "all")), None)
        reports = next((row for row in self.rows if (row.part, row.endpoint) == (CALM, "report")), None)
        refused = self.refused[CALM] + self.refused[START]
        ttl = self.plan.lease_ttl_seconds
        longest = max(self.freed, default=0.0)
        judged = self.plan.judges
        figures = [
            Figure("promises broken", str(len(self.broken)), "0", not self.broken),
            Figure(
                f"{self.plan.workers:,} workers to their first trial, cold, `auto`",
                f"{self.cold_seconds:.1f} s",
                f"< {_COLD_SECONDS:g} s",
                self.cold_seconds < _COLD_SECONDS if judged else None,
            ),
            Figure("requests refused, outside of kill and drain", str(refused), "0", not refused if judged else None),
        ]
        if calm and reports:
            holds = max(calm.p99, reports.p99) < _P99_SECONDS if judged else None
            found = f"{1000 * calm.p99:.0f} ms; reports {1000 * reports.p99:.0f} ms"
            figures.append(Figure("99th percentile, outside of kill and drain", found, "< 250 ms", holds))
        figures += [
            *(
                Figure(f"{f.what} of the writer: the other one writes", f"{f.seconds:.1f} s", "", None)
                for f in self.faults
            ),
            Figure(
                f"a dead worker's lease is free, of {ttl:g} s",
                f"{longest:.1f} s at most, of {len(self.freed)}" if self.freed else "–",
                f"≤ {ttl + 1:g} s",
                longest <= ttl + 1 if judged and self.freed else None,
            ),
            Figure("steps trained twice, for kills", f"{self.twice.steps} for {self.twice.kills}", "", None),
            self._memory(),
            self._cores(),
        ]
        return figures

    def _memory(self) -> Figure:
        grown = grown_bytes(self.samples, self.plan.seconds / 2)
        allowed = _FLAT_BYTES + _HISTORY_BYTES_PER_REPORT * self.late_reports
        found = f"{grown / 2**20:+.0f} MiB, {self.late_reports:,} reports"
        must = f"≤ {allowed / 2**20:.0f} MiB"
        return Figure("memory of the writer, second half", found, must, grown <= allowed if self.plan.judges else None)

    def _cores(self) -> Figure:
        served, load = cores(self.samples, self.plan.seconds / 2)
        found = f"{served:.2f} by the services, {load:.2f} by the load"
        return Figure("cores kept busy, second half", found, "", None)
