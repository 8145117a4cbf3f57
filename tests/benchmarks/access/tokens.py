"""What it costs a report that it shows a token: one of one, one of 10,000, and none at all."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import httpx2
from sqlalchemy import create_engine

from lrtune.service.access.tokens import create
from lrtune.service.wire.access.bodies import NewToken
from tests.benchmarks.faults.databases import database
from tests.benchmarks.processes import BenchError, JsonLinesProcess, Server, service_process
from tests.benchmarks.storage.figures import Check, Figure, Rounds

LEAST_SHARE = 0.95
"""Reports a second with a token, as a share of those without."""
MANY = 10_000
LEAST_OF_MANY = 0.95
"""Reports a second with one of 10,000 tokens, as a share of those with one: the same, but for what turns differ by."""
MOST_MEGABYTES = 64.0
"""What 10,000 tokens may take of memory."""
_STUDY = "reported"
_SPEC = {"name": _STUDY, "sampler": {"name": "random"}, "pruner": {"name": "none"}, "prior": "none"}
_NOTICED_SECONDS = 30.0


@dataclass(frozen=True)
class Size:
    """How much is sent: each round is so many bursts on each side, in turns."""

    rounds: int = 11
    bursts: int = 8
    connections: int = 64
    trials: int = 3
    many: int = MANY
    judged: bool = True


QUICK = Size(rounds=1, bursts=1, connections=4, trials=1, many=50, judged=False)


@dataclass(frozen=True)
class _Side:
    """A service, and what connections to it show in turn."""

    name: str
    service: Server
    tokens: Sequence[str]


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """Reports with their verdicts a second, processor time for one, and memory. Raises BenchError."""
    names = ("none", "one token", f"{size.many:,} tokens")
    with contextlib.ExitStack() as stack:
        plain, one, many = (
            stack.enter_context(_side(kind, name, count, say))
            for name, count in zip(names, (0, 1, size.many), strict=True)
        )
        megabytes = (many.service.resident_bytes - one.service.resident_bytes) / 1e6
        load = stack.enter_context(_load())
        rates, costs = Rounds(), Rounds()
        for index in range(size.rounds):
            say(f"{kind}, reports, round {index + 1} of {size.rounds}")
            for side, rate, cost in _round((plain, one, many), load, size, index):
                rates.add(side.name, rate)
                costs.add(side.name, 1e6 * cost)
    yield from _figures(kind, names, rates, costs, size)
    grown = Rounds()
    grown.add("grown by", megabytes)
    side = grown.sides()["grown by"]
    check = Check(side, None, MOST_MEGABYTES, False, size.judged)
    yield Figure("memory", f"memory of {size.many:,} tokens", kind, 0, "MB", (side,), (check,))


def _round(
    sides: Sequence[_Side], load: JsonLinesProcess, size: Size, index: int
) -> Iterator[tuple[_Side, float, float]]:
    """Of each side what its bursts tell: reports a second, and processor seconds for one. Who begins changes."""
    found: dict[str, list[tuple[float, float]]] = {side.name: [] for side in sides}
    shape = {"task": "reports", "study": _STUDY, "connections": size.connections, "trials": size.trials}
    for burst in range(size.bursts):
        first = (index + burst) % len(sides)
        for side in (*sides[first:], *sides[:first]):
            task = {"address": side.service.address, "pid": side.service.pid, "tokens": list(side.tokens)}
            told = load.call(**shape, **task)
            found[side.name].append((told["rate"], told["processor_seconds"]))
    for side in sides:
        rates, costs = zip(*found[side.name], strict=True)
        yield side, median(rates), mean(costs)


def _figures(kind: str, names: Sequence[str], rates: Rounds, costs: Rounds, size: Size) -> Iterator[Figure]:
    none, one, many = names
    for row, title, unit, rounds in (
        ("reports", "report + verdict", "/s", rates),
        ("processor", "processor time of a report", "µs", costs),
    ):
        sides = rounds.sides()
        by_rate = row == "reports"
        for of, against, share in ((one, none, LEAST_SHARE), (many, one, LEAST_OF_MANY)):
            pair = sides[of], sides[against]
            check = Check(*pair, share if by_rate else 1 / share, by_rate, size.judged and by_rate)
            yield Figure(f"{row}: {of}", f"{title}: {of}, {against}", kind, 0, unit, pair, (check,))


@contextlib.contextmanager
def _side(kind: str, name: str, count: int, say: Callable[[str], None]) -> Iterator[_Side]:
    """A service with so many tokens, one of them an admin's, on a database of its own."""
    with database(kind) as (db, folder), service_process(db.url, folder / "service.log") as service:
        service.wait()
        with httpx2.Client(base_url=service.address, trust_env=False) as http:
            made = http.post("/v1/studies", json=_SPEC)
            if made.status_code != 201:
                raise BenchError(f"the study was answered {made.status_code}: {made.text[:200]}")
            say(f"{kind}: {name}")
            secrets = _made(db.url, count) if count else [""]
            deadline = time.monotonic() + _NOTICED_SECONDS
            while count and not _all_known(http, secrets):
                if time.monotonic() > deadline:
                    raise BenchError("the service did not notice its tokens")
                time.sleep(0.1)
        yield _Side(name, service, secrets[-256:])


def _made(url: str, count: int) -> list[str]:
    """Write so many tokens into the database."""
    first, other = NewToken(role="admin"), NewToken(role="worker", scopes=["reported", "cifar-*"])
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            bodies = (first if index == 0 else other for index in range(count))
            return [create(connection, body, time.time())[1] for body in bodies]
    finally:
        engine.dispose()


def _all_known(http: httpx2.Client, secrets: Sequence[str]) -> bool:
    """Whether the service asks for tokens, and knows the last of these."""
    if http.get("/v1/me").status_code != 401:
        return False
    return http.get("/v1/me", headers={"Authorization": f"Bearer {secrets[-1]}"}).status_code == 200


@contextlib.contextmanager
def _load() -> Iterator[JsonLinesProcess]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-bench-")))
        yield stack.enter_context(JsonLinesProcess("tests.benchmarks.storage.load", log=folder / "load.log"))
