"""Rows that time a request at the smallest and at the largest history: an ask, and a status under load."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.benchmarks.databases import STUDY
from tests.benchmarks.processes import Server
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.testbed import Testbed

_MUST = 1.5
_JUDGED_AT = (100, 100_000)
_AUTO_MILLISECONDS = 20.0
_AUTO_JUDGED_AT = (1_000, 100_000)


def asks(sampler: str) -> Callable[[Testbed], Iterator[Figure]]:
    """The median of an ask, one at a time. That of `auto` begins at 1,000 trials, and has a bound in itself."""

    def rows(testbed: Testbed) -> Iterator[Figure]:
        def once(service: Server) -> float:
            task = {"task": "asks", "study": STUDY, "count": testbed.plan.asks}
            return float(testbed.load.call(address=service.address, **task)["milliseconds"])

        title, largest = f"ask, median, {sampler}", testbed.plan.largest
        if sampler != "auto":
            yield _compare(testbed, f"ask-{sampler}", title, sampler, once)
            return
        figure = _compare(testbed, "ask-auto", title, sampler, once, (min(_AUTO_JUDGED_AT[0], largest), largest))
        bound = Check(figure.sides[0], None, _AUTO_MILLISECONDS, False, largest >= _AUTO_JUDGED_AT[0])
        yield replace(figure, checks=(bound, *figure.checks))

    return rows


def status(testbed: Testbed) -> Iterator[Figure]:
    """The 99th percentile of a status request, while 8 workers ask, report and hand in."""

    def once(service: Server) -> float:
        task = {
            "task": "status",
            "study": STUDY,
            "workers": testbed.plan.workers,
            "seconds": testbed.plan.status_seconds,
        }
        return float(testbed.load.call(address=service.address, **task)["milliseconds"])

    yield _compare(testbed, "status", f"status, p99 under {testbed.plan.workers} workers", "random", once)


def _compare(
    testbed: Testbed,
    row: str,
    title: str,
    sampler: str,
    once: Callable[[Server], float],
    sizes: tuple[int, int] | None = None,
) -> Figure:
    plan = testbed.plan
    rounds = Rounds()
    smallest, largest = sizes or (plan.smallest, plan.largest)
    small_name, large_name = f"{smallest:,} trials", f"{largest:,} trials"
    with (
        testbed.service(smallest, f"{row}-small", sampler=sampler) as small,
        testbed.service(largest, f"{row}-large", sampler=sampler) as large,
    ):
        for index in range(plan.rounds):
            testbed.say(f"{testbed.kind}, {row}, round {index + 1} of {plan.rounds}")
            rounds.add(small_name, once(small))
            rounds.add(large_name, once(large))
    sides = rounds.sides()
    checks = []
    if smallest != largest:
        judged = (smallest, largest) == (_JUDGED_AT if sizes is None else _AUTO_JUDGED_AT)
        checks.append(Check(sides[large_name], sides[small_name], _MUST, False, judged))
    return Figure(row, title, testbed.kind, largest, "ms", tuple(sides.values()), tuple(checks))
