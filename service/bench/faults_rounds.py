"""Rounds: a study is worked on, something is broken in the middle of it, and what must hold is checked at its end."""

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.bench.faults_check import read_rows, violations
from service.bench.faults_load import ROUND_FILE
from service.bench.processes import BenchError, Process

_LOOK_EVERY_SECONDS = 0.02
_ROUND_SECONDS = 180.0
_EARLIEST, _LATEST = 0.1, 0.6
"""Shares of a round's reports after which the fault comes."""
_LEASE_TTL_SECONDS = 120.0


@dataclass
class Outcome:
    """What came of one kind of fault."""

    storage: str
    fault: str
    times: int = 0
    reports: int = 0
    """Acknowledged in the rounds of this fault."""
    results: int = 0
    retries: int = 0
    """Requests that the SDK sent again."""
    pauses: list[float] = field(default_factory=list)
    """By round, the longest time without an acknowledgement after the fault, in seconds."""
    takeovers: list[float] = field(default_factory=list)
    """By takeover, the seconds until the standby had leased a trial."""
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Size:
    """How much load there is."""

    workers: int = 8
    trials: int = 40
    steps: int = 5
    step_seconds: float = 0.02


class Load:
    """Worker processes that go through the SDK, with the journals of what was acknowledged to them."""

    def __init__(self, address: str, folder: Path, size: Size, url: str, storage: str) -> None:
        self.size = size
        self.storage = storage
        self._address = address
        self._folder = folder
        self._url = url
        self._rounds = 0
        self._entries: list[dict[str, Any]] = []
        self._offsets: dict[Path, int] = {}
        self._stack = contextlib.ExitStack()
        self._workers: list[Process] = []

    def __enter__(self) -> "Load":
        names = [f"worker-{number}" for number in range(self.size.workers)]
        self._tell({"study": None})
        with contextlib.ExitStack() as stack:
            for name in names:
                arguments = (self._address, str(self._folder), name)
                log = self._folder / f"{name}.log"
                process = Process("service.bench.faults_load", *arguments, log=log)
                self._workers.append(stack.enter_context(process))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _tell(self, task: dict[str, Any] | None) -> None:
        new = self._folder / f"{ROUND_FILE}.new"
        new.write_text(json.dumps(task))
        new.replace(self._folder / ROUND_FILE)

    def round(self, outcome: Outcome, strike: Callable[[], float | None], trials: int | None = None) -> None:
        """One study with `strike` in its middle; what it returns are seconds to a takeover. Raises BenchError."""
        study = f"round-{self._rounds}"
        self._rounds += 1
        self._entries = []
        size = replace(self.size, trials=trials or self.size.trials)
        self._tell(
            {
                "study": study,
                "trials": size.trials,
                "steps": size.steps,
                "step_seconds": size.step_seconds,
                "lease_ttl_seconds": _LEASE_TTL_SECONDS,
            }
        )
        share = random.uniform(_EARLIEST, _LATEST)
        self._wait(lambda: self._count("report") >= share * size.trials * size.steps or self._all_done(), study)
        struck_at = time.time()
        takeover = strike()
        self._wait(self._all_done, study)
        outcome.times += 1
        outcome.reports += self._count("report")
        outcome.results += self._count("result")
        outcome.retries += sum(entry["retries"] for entry in self._entries if entry["kind"] == "done")
        outcome.pauses.append(_longest_pause(self._entries, struck_at))
        if takeover is not None:
            outcome.takeovers.append(takeover)
        found = violations(read_rows(self._url, study), self._entries, size.trials)
        outcome.violations += [f"{study}: {text}" for text in found]

    def _count(self, kind: str) -> int:
        return sum(entry["kind"] == kind for entry in self._entries)

    def _all_done(self) -> bool:
        return self._count("done") == self.size.workers

    def _wait(self, until: Callable[[], bool], study: str) -> None:
        deadline = time.monotonic() + _ROUND_SECONDS
        while True:
            self._entries += [entry for entry in self._read() if entry.get("study") == study]
            if until():
                return
            if time.monotonic() > deadline:
                done = self._count("done")
                raise BenchError(f"{study} did not end: {done} of {self.size.workers} workers are done with it")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _read(self) -> Iterator[dict[str, Any]]:
        for path in self._folder.glob("worker-*.jsonl"):
            with path.open("rb") as journal:
                journal.seek(self._offsets.get(path, 0))
                for line in journal:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield json.loads(line)


def _longest_pause(entries: list[dict[str, Any]], since: float) -> float:
    times = sorted(entry["at"] for entry in entries if entry["kind"] in ("report", "result") and entry["at"] > since)
    return max((after - before for before, after in zip([since, *times], times, strict=False)), default=0.0)
