"""Two services on one database: the writer, its standby, and what is done to the writer."""

import time

import httpx2
import psycopg
from sqlalchemy import make_url

from tests.benchmarks.faults.rounds import Struck
from tests.benchmarks.faults.services import Service
from tests.benchmarks.processes import BenchError

HISTORY = "history"
"""The study that a standby has to have loaded to have taken over."""
DEPOSED_EXIT_CODE = 75
_READY_SECONDS = 60.0


class Pair:
    """Two services on one database."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services

    def roles(self) -> tuple[Service, Service]:
        """The writer and its standby, as soon as there are both. Raises BenchError."""
        first, second = self.services
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            for active, standby in ((first, second), (second, first)):
                if active.readiness() == "ready" and standby.readiness() == "standby":
                    return active, standby
            time.sleep(0.05)
        raise BenchError(f"there is no writer with a standby: {first.readiness()!r}, {second.readiness()!r}")

    def kill_active(self) -> Struck:
        """kill −9 of the writer, until the standby has leased a trial of the large study."""
        active, standby = self.roles()
        begun = time.monotonic()
        active.kill()
        at = time.time()
        _lease_one(standby)
        seconds = time.monotonic() - begun
        active.start()
        return Struck(at, seconds)

    def depose(self, url: str | None) -> Struck:
        """Stop the writer, end its connection (else the standby has to), and wake it when the standby has taken over.

        Raises BenchError where it does not end then.
        """
        active, standby = self.roles()
        begun = time.monotonic()
        active.stop()
        at = time.time()
        try:
            if url is not None:
                _end_holder(url)
            _lease_one(standby)
            seconds = time.monotonic() - begun
        finally:
            active.wake()
        code = active.exit_code(15)
        if code != DEPOSED_EXIT_CODE:
            raise BenchError(f"the deposed writer ended with {code}, not {DEPOSED_EXIT_CODE}")
        active.start()
        return Struck(at, seconds)

    def pause_active(self) -> Struck:
        """Stop the writer for a while and wake it. Raises BenchError where the standby took over meanwhile."""
        active, standby = self.roles()
        active.stop()
        at = time.time()
        try:
            time.sleep(3.0)
            if standby.readiness() != "standby":
                raise BenchError("the standby took a SQLite database over whose writer is only stopped")
        finally:
            active.wake()
        return Struck(at)


def _lease_one(service: Service) -> None:
    """Lease a trial of the large study, as soon as the service can, and give it back."""
    deadline = time.monotonic() + _READY_SECONDS
    path = f"{service.address}/v1/studies/{HISTORY}/trials"
    body = {"worker": "bench", "request_id": f"takeover-{time.time_ns()}"}
    with httpx2.Client(timeout=_READY_SECONDS, trust_env=False) as http:
        while (answer := http.post(path, json=body)).status_code != 201:
            if time.monotonic() > deadline:
                raise BenchError(f"the standby did not take over within {_READY_SECONDS:.0f} s: {answer.text}")
            time.sleep(0.02)
        leased = answer.json()
        http.post(f"{path}/{leased['number']}/release", json={"lease": leased["lease"], "checkpoint": None})


def _end_holder(url: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = "
            "(select oid from pg_database where datname = current_database())"
        )
