"""A steady load whose every call is looked at: tests and `bench shards` have processes come and go under it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2


class SteadyLoad:
    """A worker for each of these studies, all at one address, in four threads, until the block ends. No call is
    repeated: what is refused counts as failed."""

    def __init__(self, address: str, names: list[str]) -> None:
        self._client = httpx2.Client(base_url=address, timeout=30)
        self._names = names
        self._end = threading.Event()
        self.failed: list[tuple[str, int, str]] = []
        """Path, status and answer of each."""
        self.reports: dict[str, int] = dict.fromkeys(names, 0)
        """How many were acknowledged, by study."""
        self.longest: dict[str, float] = dict.fromkeys(names, 0.0)
        """The longest time between two of these, in seconds."""
        self._latest: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(4)

    def __enter__(self) -> "SteadyLoad":
        self._runs = [self._pool.submit(self._go_on, self._names[part::4]) for part in range(4)]
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for run in self._runs:
            run.result(timeout=60)
        self._pool.shutdown()

    def _go_on(self, names: list[str]) -> None:
        leases: dict[str, dict[str, Any]] = {}
        for step in range(1, 1_000_000):
            for name in names:
                if self._end.is_set():
                    return
                if name not in leases:
                    asked = self._call(f"/v1/studies/{name}/trials", {"worker": "w", "request_id": name})
                    if asked is not None:
                        leases[name] = asked
                    continue
                path = f"/v1/studies/{name}/trials/{leases[name]['number']}/reports"
                body = {"lease": leases[name]["lease"], "reports": [{"step": step, "value": 1.0}]}
                if self._call(path, body) is not None:
                    self._note(name)

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        answer = self._client.post(path, json=body)
        if answer.status_code >= 400:
            self.failed.append((path, answer.status_code, answer.text))
            return None
        found: dict[str, Any] = answer.json()
        return found

    def _note(self, name: str) -> None:
        now = time.monotonic()
        self.longest[name] = max(self.longest[name], now - self._latest.get(name, now))
        self._latest[name] = now
        self.reports[name] += 1

    @property
    def total(self) -> int:
        """Reports of all studies."""
        return sum(self.reports.values())
