"""Prometheus metrics, one registry an app."""

import time
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.access.limits.allowed import LIMITS
from lrtune.service.api.measured.engine import EngineMetrics
from lrtune.service.api.measured.loop import LoopMetrics
from lrtune.service.api.measured.sizes import SizeMetrics
from lrtune.service.api.measured.worker_time import WorkerTimeMetrics
from lrtune.service.connections.registry import Cause, TimedOut
from lrtune.service.request_context import route_of
from lrtune.service.wire.trials import Verdict

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COLLECTION_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_STOPS = ("pruned", "diverged", "study_finished")
_VERDICTS = (("continue", ""), ("pause", "paused"), *(("stop", reason) for reason in _STOPS))
_RESULTS = ("complete", "pruned", "diverged", "failed")
_SENT_ON = ("answered", "not_there", "unknown")
_REFUSED = ("missing", "malformed", "unknown", "expired", "revoked")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Metrics:
    """What the service counts. Each metric is documented in docs/reference/metrics.md. `backups` is the folder in which
    the latest backup is looked for."""

    def __init__(self, backups: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self._judged: dict[tuple[str, str], Counter] = {}
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.requests = Counter(
            "lrtune_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "lrtune_request_seconds",
            "Seconds from request to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "lrtune_commit_seconds", "Seconds a commit took.", buckets=_SECONDS, registry=self.registry
        )
        self.commit_changes = Histogram(
            "lrtune_commit_changes",
            "Changes committed together.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
            registry=self.registry,
        )
        self.verdicts = Counter(
            "lrtune_verdicts_total", "Verdicts given.", ["verdict", "reason"], registry=self.registry
        )
        self.results = Counter("lrtune_results_total", "Results taken in, by state.", ["state"], registry=self.registry)
        self.leases_expired = Counter(
            "lrtune_leases_expired_total",
            "Leases taken back because nobody renewed them.",
            registry=self.registry,
        )
        self.collection_seconds = Histogram(
            "lrtune_collection_seconds",
            "Seconds for which everything stood still while garbage was collected.",
            ["generation"],
            buckets=_COLLECTION_SECONDS,
            registry=self.registry,
        )
        self.connections = Gauge("lrtune_connections", "HTTP connections that are open.", registry=self.registry)
        self.connections_refused = Counter(
            "lrtune_connections_refused_total",
            "HTTP connections refused since too many were open.",
            registry=self.registry,
        )
        self.connections_timed_out = Counter(
            "lrtune_connections_timed_out_total",
            "HTTP connections closed that kept the service waiting.",
            ["part"],
            registry=self.registry,
        )
        self.without_descriptors = Counter(
            "lrtune_seconds_without_descriptors_total",
            "Seconds in which the process had no file descriptor left.",
            registry=self.registry,
        )
        self.tokens_refused = Counter(
            "lrtune_tokens_refused_total",
            "Requests refused that showed no token, or none that holds.",
            ["reason"],
            registry=self.registry,
        )
        self.requests_limited = Counter(
            "lrtune_requests_limited_total",
            "Requests refused since somebody had taken as much as is allowed.",
            ["limit"],
            registry=self.registry,
        )
        self.sent_on = Counter(
            "lrtune_requests_sent_on_total",
            "Requests sent on to the process that serves their study, by what became of it.",
            ["outcome"],
            registry=self.registry,
        )
        self.process = ProcessCollector(registry=self.registry)
        self.engine = EngineMetrics(self.registry)
        self.sizes = SizeMetrics(self.registry, backups)
        self.worker_time = WorkerTimeMetrics(self.registry)
        self.loop = LoopMetrics(self.registry)
        self._collected = [self.collection_seconds.labels(str(generation)) for generation in range(3)]
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Counters are there from the start: the rise to its first number is one that Prometheus does not see."""
        for counter, labels in (
            (self.verdicts, _VERDICTS),
            (self.results, [(state,) for state in _RESULTS]),
            (self.connections_timed_out, [(part,) for part in get_args(TimedOut)]),
            (self.tokens_refused, [(reason,) for reason in _REFUSED]),
            (self.requests_limited, [(limit,) for limit in LIMITS]),
            (self.sent_on, [(outcome,) for outcome in _SENT_ON]),
        ):
            for values in labels:
                counter.labels(*values)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time one request."""
        key = (method, route, status)
        counters = self._answered.get(key)
        if counters is None:
            known = method if method in _METHODS else "other"
            counters = (self.requests.labels(known, route, status), self.request_seconds.labels(route))
            if known == method:
                self._answered[key] = counters
        counters[0].inc()
        counters[1].observe(seconds)

    def judged(self, verdict: Verdict) -> None:
        """Count one verdict."""
        key = (verdict.verdict, verdict.reason or "")
        counter = self._judged.get(key)
        if counter is None:
            counter = self._judged[key] = self.verdicts.labels(*key)
        counter.inc()

    def committed(self, changes: int, seconds: float) -> None:
        """Count one commit."""
        self.commit_changes.observe(changes)
        self.commit_seconds.observe(seconds)

    def collected(self, generation: int, seconds: float) -> None:
        """Time one collection of garbage."""
        self._collected[generation].observe(seconds)

    def connection_closed(self, cause: Cause) -> None:
        """Count one connection that was refused or given up; or a second without descriptors."""
        if cause == "limit":
            self.connections_refused.inc()
        elif cause == "descriptors":
            self.without_descriptors.inc()
        else:
            self.connections_timed_out.labels(cause).inc()

    def token_refused(self, reason: str) -> None:
        """Count one request without a token that holds."""
        self.tokens_refused.labels(reason).inc()

    def limited(self, limit: str) -> None:
        """Count one request that a limit turned away."""
        self.requests_limited.labels(limit).inc()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class RequestMetrics:
    """ASGI middleware that counts and times requests by route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        finally:
            self._metrics.answered(scope["method"], route_of(scope), status, time.perf_counter() - begun)
