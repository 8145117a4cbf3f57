"""The benchmark of reads runs, and prints what it promises."""

import asyncio
import contextlib
import gc
import threading
import time
from pathlib import Path

import pytest

from lrtune.service.collector import YOUNG_OBJECTS
from tests.benchmarks.conftest import Bench
from tests.benchmarks.reads.command import COLUMNS
from tests.benchmarks.reads.holds import watching
from tests.benchmarks.reads.run import Sizes, measure, prepare


def test_the_quick_form_prints_a_line_for_each_read(bench: Bench) -> None:
    ran = bench("reads", "--quick")
    assert ran.code == 0, ran.err
    lines = [line for line in ran.out.splitlines() if line.startswith("| ")]
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    for read in (
        *("trials.csv", "page of 1000 curves", "export", "import of it, in batches", "whole curve"),
        *("list of studies", "deletion of the large study", "its rows' removal"),
    ):
        assert any(line.startswith(f"| {read} |") for line in lines), read


def test_a_loop_that_is_held_is_seen() -> None:
    async def run() -> tuple[float, float, float]:
        lock = threading.RLock()

        async def beat() -> None:
            await asyncio.sleep(0)

        async with watching(lock, beat) as holds:
            await asyncio.sleep(0.01)
            with lock:
                until = time.perf_counter() + 0.05
                while time.perf_counter() < until:
                    pass
            await asyncio.sleep(0.01)
        return holds.loop, holds.lock, holds.heartbeat

    loop, lock, _ = asyncio.run(run())
    assert loop > 0.03
    assert lock > 0.03


def test_garbage_is_collected_as_a_service_does(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    prepare(url, Sizes(trials=2, steps=11, studies=1))
    before = gc.get_threshold()

    async def thresholds() -> tuple[int, int, int]:
        async with contextlib.aclosing(measure(url)) as reads:
            await anext(reads)
            return gc.get_threshold()

    assert asyncio.run(thresholds())[0] == YOUNG_OBJECTS
    assert gc.get_threshold() == before


@pytest.mark.parametrize("option", ["--trials", "--steps"])
def test_sizes_are_checked(bench: Bench, option: str) -> None:
    assert bench("reads", option, "0").code == 2
