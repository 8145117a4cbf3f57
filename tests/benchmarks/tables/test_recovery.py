"""The short form of `bench recovery`."""

import pytest

from tests.benchmarks.conftest import Bench

pytest.importorskip("torch")


def test_what_is_done_again_is_counted_for_each_way_to_end(bench: Bench) -> None:
    ran = bench("recovery", "--quick")
    assert ran.code == 0, ran.err
    head, _, *rows = ran.out.splitlines()
    assert head == ("| the worker is | a checkpoint every | times | steps done | of these again | at once, at most |")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    again = [int(row[4]) for row in cells]
    assert [row[1] for row in cells] == ["1 step", "5 steps", "5 steps"]
    assert 0 <= again[0] <= 1
    assert 0 <= again[1] <= 5
    assert again[2] == 0, "who is told to end leaves with a checkpoint of that very step"
