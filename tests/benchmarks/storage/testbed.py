"""What the rows of a measurement share: the plan, the databases, and processes that end with the block."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.databases import STUDY, WARM_STUDY, Databases
from tests.benchmarks.processes import JsonLinesProcess, Server, service_process
from tests.benchmarks.storage.plan import Plan


@dataclass
class Testbed:
    """One kind of database, and a load generator that all sides are driven by."""

    plan: Plan
    kind: str
    databases: Databases
    folder: Path
    load: JsonLinesProcess
    say: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def log(self, name: str) -> Path:
        """Where a process writes its errors."""
        return self.folder / f"{self.kind}-{name}.log"

    @contextlib.contextmanager
    def service(self, count: int, name: str, *, sampler: str = "random", warm: bool = True) -> Iterator[Server]:
        """`lrtune serve` on a fresh copy of the filled database, with STUDY loaded unless it is to stay cold."""
        url = self.databases.copy(count, name, sampler=sampler, pruner=self.plan.pruner)
        try:
            with service_process(url, self.log(name)) as service:
                service.wait()
                self.load.call(task="touch", address=service.address, study=WARM_STUDY)
                if warm:
                    self.load.call(task="touch", address=service.address, study=STUDY)
                yield service
        finally:
            self.databases.drop(url)

    @contextlib.contextmanager
    def stock(self, count: int, name: str, *, proxied: bool = False) -> Iterator["Stock"]:
        """8 processes of stock Optuna on a fresh copy; `proxied`: with its gRPC proxy server before the database."""
        url = self.databases.copy(count, name, stock=True)
        try:
            with contextlib.ExitStack() as stack:
                storage = url
                if proxied:
                    environment = {"LRTUNE_BENCH_STORAGE": url}
                    proxy = Server(
                        "tests.benchmarks.storage.proxy", log=self.log(f"{name}-proxy"), environment=environment
                    )
                    storage = f"grpc:{stack.enter_context(proxy).wait().port}"
                workers = [
                    stack.enter_context(JsonLinesProcess("tests.benchmarks.storage.stock", log=self.log(name)))
                    for _ in range(self.plan.workers)
                ]
                stock = Stock(workers)
                stock.all(task="open", storage=storage, study=STUDY, pruner=self.plan.pruner)
                yield stock
        finally:
            self.databases.drop(url)

    def bare(self) -> Server:
        """The bare endpoint."""
        return Server("tests.benchmarks.storage.bare", log=self.log("bare"))


class Stock:
    """Workers of stock Optuna that measure together."""

    def __init__(self, workers: list[JsonLinesProcess]) -> None:
        self._workers = workers
        self.failed = 0

    def all(self, **task: object) -> list[dict[str, float]]:
        """Give all the same task at once; what came of it."""
        for worker in self._workers:
            worker.send(**task)
        return [worker.receive() for worker in self._workers]

    def rate(self, **task: object) -> float:
        """The sum of the workers' rates."""
        answers = self.all(**task)
        self.failed += int(sum(answer["failed"] for answer in answers))
        return sum(answer["rate"] for answer in answers)
