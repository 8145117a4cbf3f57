"""The calls about one leased trial; each carries its lease.

A training that has reached a limit of its token (429) waits until it may go on: the lease is renewed meanwhile.
"""

from dataclasses import replace
from typing import Literal

from lrtune.service.wire import trials as wire
from lrtune.service.wire.base import Reply
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.http.retry import Retry

HEARTBEAT_TIMEOUT_SECONDS = 5.0
FEW_TRIES_SECONDS = 5.0
"""How long a training waits for a service that may be away, and then goes on without."""
FEW_TRIES_TIMEOUT_SECONDS = 10.0
"""For one such answer; a service that stands still gives none."""
LIMITED_SECONDS = 2 * 3600.0
"""Limits are by the second or by the hour: such a training has waited for a whole one in vain."""

Tries = Literal["one", "few", "all"]
"""How often: once; for some seconds; for as long as the client tries at all, and until there is another token, where
one may come."""


class _Told(Reply, title="Trial"):
    """As much of a trial as shows that it is lrtune's answer, of whatever version."""

    number: int
    state: str


class LeaseCalls:
    """Report, heartbeat, result and release of the trial `number`, by that lease.

    Every call raises LeaseLost where the lease is no longer the current one.
    """

    def __init__(self, connection: Connection, study: str, number: int, lease: str) -> None:
        self._connection = connection
        self._path = f"{study_path(study)}/trials/{number}"
        self._lease = lease
        limited = connection.retry.limited_for(LIMITED_SECONDS)
        self._patient = replace(limited, awaits_token=connection.awaits_token)
        self._few = replace(limited, total_seconds=min(limited.total_seconds, FEW_TRIES_SECONDS))

    def report(
        self, reports: list[wire.Report], checkpoint: wire.Checkpoint | None, tries: Tries = "all"
    ) -> wire.Verdict:
        """The service's verdict; the reports, 1000 at the most, are on its disk by then."""
        body = wire.Reports(lease=self._lease, reports=reports, checkpoint=checkpoint)
        retry, timeout_seconds = self._how_long(tries)
        path = f"{self._path}/reports"
        return self._connection.post(wire.Verdict, path, body, retry=retry, timeout_seconds=timeout_seconds)

    def _how_long(self, tries: Tries) -> tuple[Retry, float | None]:
        match tries:
            case "one":
                return Retry(total_seconds=0), HEARTBEAT_TIMEOUT_SECONDS
            case "few":
                return self._few, FEW_TRIES_TIMEOUT_SECONDS
            case "all":
                return self._patient, None

    def heartbeat(self) -> wire.Verdict:
        """Renews the lease. Tried once: the keeper has its own rhythm."""
        return self._connection.post(
            wire.Verdict,
            f"{self._path}/heartbeat",
            wire.Heartbeat(lease=self._lease),
            timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
            retry=Retry(total_seconds=0),
        )

    def result(
        self,
        state: wire.Outcome,
        *,
        value: float | None = None,
        standard_error: float | None = None,
        error: str | None = None,
    ) -> str:
        """Ends the trial; its state then."""
        body = wire.Result(lease=self._lease, state=state, value=value, standard_error=standard_error, error=error)
        return self._connection.post(_Told, f"{self._path}/result", body, retry=self._patient).state

    def release(
        self, checkpoint: wire.Checkpoint | None, *, error: str | None = None, retry_seconds: float | None = None
    ) -> str:
        """Gives the trial back: unharmed, or with the `error` by which this attempt was lost, which counts then. Tried
        for `retry_seconds`; None: as any call. Its state then: where there is to be no further attempt, it is over."""
        retry = self._patient if retry_seconds is None else Retry(total_seconds=retry_seconds)
        body = wire.Release(lease=self._lease, checkpoint=checkpoint, error=error)
        return self._connection.post(_Told, f"{self._path}/release", body, retry=retry).state
