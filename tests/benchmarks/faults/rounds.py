"""Rounds: a study is worked on, something is broken in the middle of it, and what must hold is checked at its end."""

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.faults.check import read_rows, violations
from tests.benchmarks.faults.load import ROUND_FILE
from tests.benchmarks.processes import BenchError, Process

_LOOK_EVERY_SECONDS = 0.02
_ROUND_SECONDS = 180.0
_EARLIEST, _LATEST = 0.1, 0.6
"""Shares of a round's reports after which the fault comes."""
_LEASE_TTL_SECONDS = 120.0
_TRIES = 4
"""How often a round is played until its fault strikes under load, each time with twice the trials."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class Struck:
    """What a strike did."""

    at: float
    """When the fault had taken hold, in seconds since the epoch; infinite where it never did."""
    takeover_seconds: float | None = None
    """Until the standby had leased a trial, where there is one."""


Strike = Callable[[], Struck]


@dataclass(frozen=True)
class Round:
    """What came of one strike."""

    before: int
    """Acknowledgements before the fault."""
    after: int
    """And after it."""
    reports: int
    results: int
    retries: int
    client_errors: int
    """Errors that the SDK left to its caller."""
    pause_seconds: float
    """The longest time without an acknowledgement after the fault."""
    takeover_seconds: float | None
    violations: tuple[str, ...]

    @property
    def hollow(self) -> bool:
        """Whether the fault struck nobody: no load had been served yet, or none was left."""
        return not (self.before and self.after)


@dataclass
class Outcome:
    """What came of one kind of fault."""

    storage: str
    fault: str
    times: int = 0
    """Rounds whose fault struck under load. What follows is of these alone, violations and client errors aside."""
    hollow: int = 0
    """Rounds whose fault struck no load; each was played again."""
    reports: int = 0
    """Acknowledged in the rounds of this fault."""
    results: int = 0
    retries: int = 0
    """Requests that the SDK sent again."""
    client_errors: int = 0
    """Errors that the SDK left to its caller; each is a violation too."""
    before: list[int] = field(default_factory=list)
    """By round, the acknowledgements before the fault."""
    after: list[int] = field(default_factory=list)
    """And after it."""
    pauses: list[float] = field(default_factory=list)
    """By round, the longest time without an acknowledgement after the fault, in seconds."""
    takeovers: list[float] = field(default_factory=list)
    """By takeover, the seconds until the standby had leased a trial."""
    violations: list[str] = field(default_factory=list)

    def add(self, played: Round) -> None:
        """Count a round; of a hollow one only what must not be, wherever it is."""
        self.violations += played.violations
        self.client_errors += played.client_errors
        if played.hollow:
            self.hollow += 1
            return
        self.times += 1
        self.reports += played.reports
        self.results += played.results
        self.retries += played.retries
        self.before.append(played.before)
        self.after.append(played.after)
        self.pauses.append(played.pause_seconds)
        if played.takeover_seconds is not None:
            self.takeovers.append(played.takeover_seconds)


def play_all(outcome: Outcome, strikes: Sequence[Strike], play: Callable[[Strike, int], Round]) -> Outcome:
    """Play each strike until it struck under load. `play` gets how many times as much load it should make.

    A strike that struck no load four times is a violation; a round that could not be played ends them all.
    """
    try:
        for strike in strikes:
            for attempt in range(_TRIES):
                played = play(strike, 2**attempt)
                outcome.add(played)
                if not played.hollow:
                    break
            else:
                outcome.violations.append(f"struck no load in {_TRIES} tries: nothing is shown")
    except BenchError as error:
        outcome.violations.append(str(error))
    return outcome


def count_round(entries: Sequence[Entry], struck: Struck, found: Sequence[str]) -> Round:
    """A round, by its journal and by what was found wrong in the database."""
    acknowledged = sorted(entry["at"] for entry in entries if entry["kind"] in ("report", "result"))
    after = [at for at in acknowledged if at > struck.at]
    pauses = (late - early for early, late in zip([struck.at, *after], after, strict=False))
    return Round(
        before=len(acknowledged) - len(after),
        after=len(after),
        reports=_count(entries, "report"),
        results=_count(entries, "result"),
        retries=sum(entry["retries"] for entry in entries if entry["kind"] == "done"),
        client_errors=_count(entries, "error"),
        pause_seconds=max(pauses, default=0.0),
        takeover_seconds=struck.takeover_seconds,
        violations=tuple(found),
    )


def _count(entries: Sequence[Entry], kind: str) -> int:
    return sum(entry["kind"] == kind for entry in entries)


@dataclass(frozen=True)
class Size:
    """How much load there is."""

    workers: int = 8
    trials: int = 40
    steps: int = 5
    step_seconds: float = 0.02


class _Worker(Process):
    def check_runs(self) -> None:
        """Raise BenchError where it has ended."""
        if self._process.poll() is not None:
            self.line(1.0)


class Load:
    """Worker processes that go through the SDK, with the journals of what was acknowledged to them."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.size = size
        self._folder = folder
        self._rounds = 0
        self._entries: list[Entry] = []
        self._offsets: dict[Path, int] = {}
        self._stack = contextlib.ExitStack()
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Load":
        names = [f"worker-{number}" for number in range(self.size.workers)]
        self._tell({"study": None})
        with contextlib.ExitStack() as stack:
            for name in names:
                process = _Worker(
                    "tests.benchmarks.faults.load", str(self._folder), name, log=self._folder / f"{name}.log"
                )
                self._workers.append(stack.enter_context(process))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _tell(self, task: dict[str, Any] | None) -> None:
        new = self._folder / f"{ROUND_FILE}.new"
        new.write_text(json.dumps(task))
        new.replace(self._folder / ROUND_FILE)

    def round(self, address: str, url: str, strike: Strike, trials: int | None = None) -> Round:
        """One study of the service at `address`, whose database is at `url`, with `strike` in its middle.

        Raises BenchError where it does not end.
        """
        study = f"round-{self._rounds}"
        self._rounds += 1
        self._entries = []
        size, trials = self.size, trials or self.size.trials
        task = {"study": study, "server": address, "trials": trials, "lease_ttl_seconds": _LEASE_TTL_SECONDS}
        self._tell({**task, "steps": size.steps, "step_seconds": size.step_seconds})
        enough = random.uniform(_EARLIEST, _LATEST) * trials * size.steps
        self._wait(lambda: _count(self._entries, "report") >= max(1.0, enough) or self._all_done(), study)
        struck = strike()
        self._wait(self._all_done, study)
        found = violations(read_rows(url, study), self._entries, trials)
        return count_round(self._entries, struck, [f"{study}: {text}" for text in found])

    def _all_done(self) -> bool:
        return _count(self._entries, "done") == self.size.workers

    def _wait(self, until: Callable[[], bool], study: str) -> None:
        deadline = time.monotonic() + _ROUND_SECONDS
        while True:
            self._entries += [entry for entry in self._read() if entry.get("study") == study]
            if until():
                return
            for worker in self._workers:
                worker.check_runs()
            if time.monotonic() > deadline:
                done = _count(self._entries, "done")
                raise BenchError(f"{study} did not end: {done} of {self.size.workers} workers are done with it")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _read(self) -> Iterator[Entry]:
        for path in self._folder.glob("worker-*.jsonl"):
            with path.open("rb") as journal:
                journal.seek(self._offsets.get(path, 0))
                for line in journal:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield json.loads(line)
