"""Whether the event loop keeps up."""

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class LoopMetrics:
    """By how much the loop is late, four times a second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Histogram(
            "lrtune_loop_lag_seconds", "Seconds by which the event loop came late.", buckets=_BUCKETS, registry=registry
        )

    def late(self, seconds: float) -> None:
        """Take note of one turn that was due."""
        self.lag.observe(max(0.0, seconds))
