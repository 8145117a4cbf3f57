"""The requests of workers and dashboards, as bytes."""

import uuid

from tests.benchmarks.storage.http_client import Connection, get, post, post_bytes

LOSS = 0.01
"""Below every filled trial's, so that no pruner stops a trial; the same on every side."""

Trial = tuple[int, str]
"""Number and lease."""


class Study:
    """A study's requests, which show that token where given."""

    def __init__(self, name: str, token: str = "") -> None:
        self._token = token
        self._base = f"/v1/studies/{name}"
        self._worker = "bench"

    async def ask(self, connection: Connection) -> Trial:
        """Lease a trial."""
        body = {"worker": self._worker, "request_id": uuid.uuid4().hex}
        leased = await connection.call(post(f"{self._base}/trials", body, self._token), 201)
        return leased["number"], leased["lease"]

    def report(self, trial: Trial, step: int) -> bytes:
        """The request that reports a step."""
        return post_bytes(f"{self._base}/trials/{trial[0]}/reports", report_body(trial[1], step), self._token)

    async def finish(self, connection: Connection, trial: Trial, state: str = "complete") -> None:
        """Hand a trial in."""
        body = {"lease": trial[1], "state": state, "value": LOSS if state == "complete" else None}
        await connection.call(post(f"{self._base}/trials/{trial[0]}/result", body, self._token), 200)

    @property
    def status(self) -> bytes:
        """The request for the status."""
        return get(f"{self._base}/status", self._token)

    @property
    def study(self) -> bytes:
        """The request for the study."""
        return get(self._base, self._token)


def report_body(lease: str, step: int) -> bytes:
    """The body of a report."""
    return b'{"lease":"%s","reports":[{"step":%d,"value":%a}]}' % (lease.encode(), step, LOSS)
