"""Rows that count how much gets done in a second: reports with their verdicts, and whole trainings."""

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from statistics import mean

from tests.benchmarks.databases import STUDY
from tests.benchmarks.processes import Server
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.benchmarks.storage.workplace import Stock, Workplace

BARE, OURS, STOCK, PROXY = "bare endpoint", "lrtune", "stock in-process", "stock gRPC proxy"
_JUDGED_AT = 10_000
_MUST = {"random": 30.0, "tpe": 10.0}
_STOCK_TRIALS = 2
"""So many trials of 10 steps each of the stock workers reports in a round; its time may end before."""


def rates(rows: tuple[str, ...], place: Workplace) -> Iterator[Figure]:
    """The rows among `rows`, size by size: starting stock's processes takes longer than measuring them."""
    for count in place.plan.rate_sizes:
        with contextlib.ExitStack() as stack:
            stocks = _stocks(place, stack, count)
            if "report" in rows:
                yield _reports(place, count, stocks)
            for sampler in _MUST:
                if f"work-{sampler}" in rows:
                    yield _work(place, count, sampler, stocks)
            _note_failures(place, count, stocks)


def _reports(place: Workplace, count: int, stocks: dict[str, Stock]) -> Figure:
    """Report + verdict, durable, over 64 connections; stock from 8 processes."""
    plan = place.plan
    rounds = Rounds()
    with place.bare() as bare, place.service(count, "report") as ours:
        bare.wait()
        for index in range(plan.rounds):
            place.say(f"{place.kind}, {count:,} trials, reports, round {index + 1} of {plan.rounds}")
            empty, full = _bursts(place, bare, ours)
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
    return Figure("report", title, place.kind, count, "/s", tuple(sides.values()), tuple(checks))


def _bursts(place: Workplace, bare: Server, ours: Server) -> tuple[float, float]:
    """The means of some bursts on the bare endpoint and on ours in turn."""
    plan = place.plan
    shape = {"connections": plan.connections, "trials": plan.trials_per_connection}
    bursts: list[tuple[float, float]] = []
    for _ in range(plan.bursts):
        empty = place.load.ask(task="bare", address=bare.address, **shape)["rate"]
        full = place.load.ask(task="reports", address=ours.address, study=STUDY, **shape)["rate"]
        bursts.append((empty, full))
    return mean(empty for empty, _ in bursts), mean(full for _, full in bursts)


def _work(place: Workplace, count: int, sampler: str, stocks: dict[str, Stock]) -> Figure:
    """Ask + 5 reports + result by 8 workers, with the same sampler on all sides."""
    plan = place.plan
    rounds = Rounds()
    shape = {"study": STUDY, "workers": plan.workers, "seconds": plan.work_seconds}
    for stock in stocks.values():
        stock.all(task="use", sampler=sampler)
    with place.service(count, f"work-{sampler}", sampler=sampler) as ours:
        for index in range(plan.rounds):
            place.say(f"{place.kind}, {count:,} trials, trainings with {sampler}, round {index + 1} of {plan.rounds}")
            rounds.add(OURS, place.load.ask(task="work", address=ours.address, **shape)["rate"])
            for name, stock in stocks.items():
                rounds.add(name, stock.rate(task="work", seconds=plan.stock_seconds))
    sides = rounds.sides()
    checks = []
    if STOCK in sides:
        checks.append(Check(sides[OURS], sides[STOCK], _MUST[sampler], True, count == _JUDGED_AT))
    title = f"ask + 5 reports + result, {plan.workers} workers, {sampler}"
    return Figure(f"work-{sampler}", title, place.kind, count, "/s", tuple(sides.values()), tuple(checks))


def _stocks(place: Workplace, stack: contextlib.ExitStack, count: int) -> dict[str, Stock]:
    """Stock Optuna, in-process and behind its proxy; nothing where that would take too long."""
    if count > place.plan.stock_limit:
        place.notes.append(f"{place.kind}: stock Optuna's workers are left out at {count:,} trials (--stock-limit)")
        return {}
    place.say(f"{place.kind}, {count:,} trials: {place.plan.workers} processes of stock Optuna read the study")
    stocks = {STOCK: stack.enter_context(place.stock(count, "stock"))}
    if _has_grpc():
        stocks[PROXY] = stack.enter_context(place.stock(count, "proxy", proxied=True))
    else:
        place.notes.append("no gRPC proxy: pip install grpcio protobuf")
    return stocks


def _has_grpc() -> bool:
    return (
        find_spec("grpc") is not None and find_spec("google") is not None and find_spec("google.protobuf") is not None
    )


def _note_failures(place: Workplace, count: int, stocks: dict[str, Stock]) -> None:
    for name, stock in stocks.items():
        if stock.failed:
            place.notes.append(f"{place.kind}, {count:,} trials: {stock.failed} calls of {name} were refused")
