"""The short form of each table, and the shape of what it prints."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.benchmarks.conftest import Bench
from tests.benchmarks.search.real_tables import read_tables
from tests.benchmarks.tables.ladder import VARIANTS, changed, climbed
from tests.benchmarks.tables.scaling import shifts


def tables_in(text: str) -> list[list[list[str]]]:
    """The Markdown tables in a text: their lines' cells, the head first."""
    tables: list[list[list[str]]] = []
    within = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not within:
                tables.append([])
            tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        within = line.startswith("|")
    assert all({len(cells) for cells in table} == {len(table[0])} for table in tables), text
    return [[table[0], *table[2:]] for table in tables]


def test_divergence_counts_trials_past_an_edge_and_a_wall_for_each_sampler(bench: Bench) -> None:
    ran = bench("divergence", "--quick")
    assert ran.code == 0, ran.err
    edges, walls = tables_in(ran.out)
    for (head, *lines), first in ((edges, "far"), (walls, "weight decay")):
        assert head == ["", f"{first}, 1 seeds"]
        assert [line[0] for line in lines] == [
            "`auto`",
            "`tpe`, diverged ranked last",
            "random",
            "stock TPE, diverged as FAIL",
        ]
        ours, ranked, random, stock = (int(line[1]) for line in lines)
        assert 0 <= ours <= min(ranked, random) < stock <= 40


def test_asks_says_for_each_sampler_and_history_what_a_draw_costs(bench: Bench) -> None:
    ran = bench("asks", "--quick")
    assert ran.code == 0, ran.err
    ((head, *lines),) = tables_in(ran.out)
    assert head == ["sampler", "0 trials", "100 trials"]
    assert [line[0] for line in lines] == ["`auto`", "`tpe`"]
    assert all(float(cell.partition(" ms")[0]) > 0 for line in lines for cell in line[1:])


def test_pacing_has_a_cell_for_each_way_to_spend_the_trials(bench: Bench, curves: Path) -> None:
    ran = bench("pacing", "--quick", "--data", str(curves))
    assert ran.code == 0, ran.err
    ((head, *lines),) = tables_in(ran.out)
    assert head[2:] == ["random, whole", "TPE, whole", "`auto`, whole", "raced", "paused"]
    ((trials, suite, *cells),) = lines
    assert (trials, suite) == ("6", "deepobs")
    assert all(0 <= float(cell.partition(" ")[0]) <= 1 for cell in cells)


def test_the_ladder_is_told_with_one_thing_changed_and_with_trainings_after_it(bench: Bench, curves: Path) -> None:
    ran = bench("ladder", "--quick", "--data", str(curves))
    assert ran.code == 0, ran.err
    (_, *changes), (head, *after) = tables_in(ran.out)
    assert changes[0] == ["the ladder itself", "100%", "100%"]
    assert len(changes) == 3 + 2
    assert head[0] == "full trainings after the ladder"
    ((count, *shares),) = after
    assert count == "2"
    assert all(0 <= int(share.rstrip("%")) <= 100 for share in shares)


def test_each_variant_changes_what_the_ladder_does_and_nothing_after_it(curves: Path) -> None:
    from lrtune.service.tuning.auto.ladder import model, rates

    before = (model._SHIFT, model._CAP, model._DIVERGED, rates.lattice)
    for variant in VARIANTS:
        with changed(variant):
            pass
    assert (model._SHIFT, model._CAP, model._DIVERGED, rates.lattice) == before
    table = read_tables(curves)[0]
    usual, noisy = VARIANTS[0], next(variant for variant in VARIANTS if variant.noise > 0.05)
    assert climbed(table, 0, usual) == pytest.approx(1.0, rel=0.05)
    assert climbed(table, 0, noisy) >= 1.0


def test_scaling_tells_how_far_best_rates_move(bench: Bench, curves: Path) -> None:
    ran = bench("scaling", "--data", str(curves))
    assert ran.code == 0, ran.err
    ((_, three, nine),) = tables_in(ran.out)
    assert (three[0], nine[0]) == ("3 ×", "9 ×")
    assert nine[2] == f"{np.median(shifts(read_tables(curves), 2)):.2f}" == "0.25", "as the curves were made"


def test_a_folder_without_curves_is_one_line(bench: Bench, tmp_path: Path) -> None:
    for command in ("pacing", "ladder", "scaling", "suggestion"):
        ran = bench(command, "--data", str(tmp_path))
        assert (ran.code, ran.out.count("\n| ")) == (1, 0)
        assert ran.err.startswith("bench: ")
        assert str(tmp_path) in ran.err
        assert ran.err.count("\n") == 1
