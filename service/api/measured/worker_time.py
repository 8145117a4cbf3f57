"""What the time of workers went into."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter

from lrtune.service.tuning.trials.worker_time import LostTo, Spent


class WorkerTimeMetrics:
    """Seconds for which workers held leases, counted as leases end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.trained = Counter(
            "lrtune_worker_seconds_trained_total", "Seconds for which workers trained.", registry=registry
        )
        self.saved = Counter(
            "lrtune_worker_seconds_saved_total", "Seconds that pruned trials would have gone on.", registry=registry
        )
        self.lost = Counter(
            "lrtune_worker_seconds_lost_total", "Seconds trained for nothing, by why.", ["to"], registry=registry
        )
        for to in get_args(LostTo):
            self.lost.labels(to)

    def spent(self, spent: Spent) -> None:
        """Count what one lease came to."""
        self.trained.inc(spent.seconds)
        if spent.saved_seconds:
            self.saved.inc(spent.saved_seconds)
        if spent.lost_to is not None:
            self.lost.labels(spent.lost_to).inc(spent.lost_seconds)
