"""`bench reads`: what others wait while somebody reads a long history."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tests.benchmarks.command_line import Databases, Quick, kinds_of, markdown, measuring, say
from tests.benchmarks.databases import databases_of
from tests.benchmarks.reads.run import FULL, QUICK, Measured, Sizes, measure, prepare

COLUMNS = ("read", "seconds", "MB", "loop held, ms", "lock held, ms", "heartbeat, ms", "of that collecting, ms")


def reads(
    storage: Annotated[Databases, typer.Option(help="sqlite, postgresql or both.")] = "sqlite",
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the large study.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the long curve.")] = None,
    postgres_url: Annotated[str | None, typer.Option(help="A server to make databases on.")] = None,
    quick: Quick = False,
) -> None:
    """Does anybody wait while somebody reads or deletes a long history?

    Prints the table of docs/explanation/performance.md: for each read the longest time
    for which a turn of the event loop, the engine's lock and a worker's heartbeat waited.
    """
    plain = QUICK if quick else FULL
    sizes = Sizes(trials or plain.trials, steps or plain.steps, plain.studies)
    with measuring():
        for kind in kinds_of(storage):
            with tempfile.TemporaryDirectory(prefix="lrtune-reads-") as folder:
                measured = _measure(kind, Path(folder), sizes, postgres_url)
            print(f"{kind}, {sizes.trials:,} trials, {sizes.steps:,} steps, {sizes.studies:,} studies\n")
            print(markdown(COLUMNS, [_line(one) for one in measured]))


def _measure(kind: str, folder: Path, sizes: Sizes, postgres_url: str | None) -> list[Measured]:
    with databases_of(kind, folder, say, postgres_url) as databases:
        url = databases.empty("reads")
        say(f"filling a database with {sizes.trials:,} trials")
        prepare(url, sizes)

        async def run() -> list[Measured]:
            found = []
            async for one in measure(url):
                say(f"{one.what}: {one.seconds:.2f} s")
                found.append(one)
            return found

        try:
            return asyncio.run(run())
        finally:
            databases.drop(url)


def _line(one: Measured) -> tuple[str, ...]:
    waits = (one.holds.loop, one.holds.lock, one.holds.heartbeat, one.holds.collecting)
    refused = f" ({one.status})" if one.status >= 400 else ""
    size = f"{one.size / 1e6:.1f}"
    return (one.what + refused, f"{one.seconds:.2f}", size, *(f"{1000 * seconds:.0f}" for seconds in waits))
