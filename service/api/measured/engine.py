"""The engine as it is at this moment: who writes, what waits to be committed, how many trials are in which state."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from lrtune.service.storage.commit.queue import Failure
from lrtune.service.storage.engine.engine import Engine

_STATES = ("running", "waiting", "paused", "complete", "pruned", "diverged", "failed")


class EngineMetrics:
    """Gauges that `look` brings up to date, and the commits that failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.writer = Gauge("lrtune_writer", "1 while this process writes the database, else 0.", registry=registry)
        self.standby = Gauge(
            "lrtune_standby", "1 while this process waits to become the writer, else 0.", registry=registry
        )
        self.shards = Gauge(
            "lrtune_shards_held",
            "Shards, of 64, whose studies this process serves; all where it is the only one.",
            registry=registry,
        )
        self.studies = Gauge("lrtune_studies", "Studies of the database.", registry=registry)
        self.studies_resident = Gauge("lrtune_studies_resident", "Studies in memory.", registry=registry)
        self.trials = Gauge("lrtune_trials", "Trials of the studies in memory, by state.", ["state"], registry=registry)
        self.changes_waiting = Gauge(
            "lrtune_changes_waiting", "Changes that the next commit will take.", registry=registry
        )
        self.batches_in_flight = Gauge(
            "lrtune_batches_in_flight", "Batches that are being committed: 0 or 1.", registry=registry
        )
        self.commit_failures = Counter(
            "lrtune_commit_failures_total",
            "Batches that were not committed as they were.",
            ["reason"],
            registry=registry,
        )
        for reason in get_args(Failure):
            self.commit_failures.labels(reason)  # There from the start, or its first rise would not be seen.
        self._by_state = {state: self.trials.labels(state) for state in _STATES}

    def look(self, engine: Engine) -> None:
        """Set the gauges. In the event loop; a microsecond a study in memory."""
        self.writer.set(engine.state == "active")
        self.standby.set(engine.state == "standby")
        self.shards.set(len(engine.mirrors.shards.numbers) if engine.state == "active" else 0)
        self.studies.set(len(engine.mirrors.names()))
        self.changes_waiting.set(engine.committer.waiting)
        self.batches_in_flight.set(engine.committer.in_flight)
        residents = engine.residents()
        self.studies_resident.set(len(residents))
        counts = dict.fromkeys(_STATES, 0)
        for study in residents:
            for state, count in study.tally.outcomes.items():
                counts[state] += count
            counts["paused"] += len(study.paused_trials)
            counts["waiting"] -= len(study.paused_trials)
        for state, count in counts.items():
            self._by_state[state].set(count)

    def commit_failed(self, reason: Failure) -> None:
        """Count a batch that was lost, or is tried again otherwise. From any thread."""
        self.commit_failures.labels(reason).inc()
