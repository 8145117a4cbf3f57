"""Rows that count how much gets done in a second: reports with their verdicts, and whole trainings."""

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from statistics import mean

from tests.benchmarks.databases import STUDY
from tests.benchmarks.processes import Server
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.testbed import Stock, Testbed

BARE, OURS, STOCK, PROXY = "bare endpoint", "lrtune", "stock in-process", "stock gRPC proxy"
_JUDGED_AT = 10_000
_MUST = {"random": 30.0, "tpe": 10.0}
_STOCK_TRIALS = 2
"""So many trials of 10 steps each of the stock workers reports in a round; its time may end before."""


def rates(rows: tuple[str, ...], testbed: Testbed) -> Iterator[Figure]:
    """The rows among `rows`, size by size: starting stock's processes takes longer than measuring them."""
    for count in testbed.plan.rate_sizes:
        with contextlib.ExitStack() as stack:
            stocks = _stocks(testbed, stack, count)
            if "report" in rows:
                yield _reports(testbed, count, stocks)
            for sampler in _MUST:
                if f"work-{sampler}" in rows:
                    yield _work(testbed, count, sampler, stocks)
            _note_failures(testbed, count, stocks)


def _reports(testbed: Testbed, count: int, stocks: dict[str, Stock]) -> Figure:
    """Report + verdict, durable, over 64 connections; stock from 8 processes."""
    plan = testbed.plan
    rounds = Rounds()
    with testbed.bare() as bare, testbed.service(count, "report") as ours:
        bare.wait()
        for index in range(plan.rounds):
            testbed.say(f"{testbed.kind}, {count:,} trials, reports, round {index + 1} of {plan.rounds}")
            empty, full = _bursts(testbed, bare, ours)
            rounds.add(BARE, empty)
            rounds.add(OURS, full)
            for name, stock in stocks.items():
                stock.all(task="lease", trials=_STOCK_TRIALS)
                rounds.add(name, stock.rate(task="reports", seconds=plan.stock_seconds))
                stock.all(task="finish")
    sides = rounds.sides()
    judged = count == _JUDGED_AT
    checks = [Check(sides[OURS], sides[BARE], 0.5, True, judged)]
    if STOCK in sides:
        checks.append(Check(sides[OURS], sides[STOCK], 30.0, True, judged))
    title = f"report + verdict, {plan.connections} connections"
    return Figure("report", title, testbed.kind, count, "/s", tuple(sides.values()), tuple(checks))


def _bursts(testbed: Testbed, bare: Server, ours: Server) -> tuple[float, float]:
    """The means of some bursts on the bare endpoint and on ours in turn."""
    plan = testbed.plan
    shape = {"connections": plan.connections, "trials": plan.trials_per_connection}
    bursts: list[tuple[float, float]] = []
    for _ in range(plan.bursts):
        empty = testbed.load.call(task="bare", address=bare.address, **shape)["rate"]
        full = testbed.load.call(task="reports", address=ours.address, study=STUDY, **shape)["rate"]
        bursts.append((empty, full))
    return mean(empty for empty, _ in bursts), mean(full for _, full in bursts)


def _work(testbed: Testbed, count: int, sampler: str, stocks: dict[str, Stock]) -> Figure:
    """Ask + 5 reports + result by 8 workers, with the same sampler on all sides."""
    plan = testbed.plan
    rounds = Rounds()
    shape = {"study": STUDY, "workers": plan.workers, "seconds": plan.work_seconds}
    for stock in stocks.values():
        stock.all(task="use", sampler=sampler)
    with testbed.service(count, f"work-{sampler}", sampler=sampler) as ours:
        for index in range(plan.rounds):
            testbed.say(
                f"{testbed.kind}, {count:,} trials, trainings with {sampler}, round {index + 1} of {plan.rounds}"
            )
            rounds.add(OURS, testbed.load.call(task="work", address=ours.address, **shape)["rate"])
            for name, stock in stocks.items():
                rounds.add(name, stock.rate(task="work", seconds=plan.stock_seconds))
    sides = rounds.sides()
    checks = []
    if STOCK in sides:
        checks.append(Check(sides[OURS], sides[STOCK], _MUST[sampler], True, count == _JUDGED_AT))
    title = f"ask + 5 reports + result, {plan.workers} workers, {sampler}"
    return Figure(f"work-{sampler}", title, testbed.kind, count, "/s", tuple(sides.values()), tuple(checks))


def _stocks(testbed: Testbed, stack: contextlib.ExitStack, count: int) -> dict[str, Stock]:
    """Stock Optuna, in-process and behind its proxy; nothing where that would take too long."""
    if count > testbed.plan.stock_limit:
        testbed.notes.append(f"{testbed.kind}: stock Optuna's workers are left out at {count:,} trials (--stock-limit)")
        return {}
    testbed.say(f"{testbed.kind}, {count:,} trials: {testbed.plan.workers} processes of stock Optuna read the study")
    stocks = {STOCK: stack.enter_context(testbed.stock(count, "stock"))}
    if _has_grpc():
        stocks[PROXY] = stack.enter_context(testbed.stock(count, "proxy", proxied=True))
    else:
        testbed.notes.append("no gRPC proxy: pip install grpcio protobuf")
    return stocks


def _has_grpc() -> bool:
    return (
        find_spec("grpc") is not None and find_spec("google") is not None and find_spec("google.protobuf") is not None
    )


def _note_failures(testbed: Testbed, count: int, stocks: dict[str, Stock]) -> None:
    for name, stock in stocks.items():
        if stock.failed:
            testbed.notes.append(f"{testbed.kind}, {count:,} trials: {stock.failed} calls of {name} were refused")
