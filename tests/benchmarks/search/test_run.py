"""The comparison of search methods: what a slice costs, what is remembered, what is printed."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.made_up import write_task
from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.methods import METHODS as BUILT
from tests.benchmarks.search.problems import problem
from tests.benchmarks.search.results import MARKS
from tests.benchmarks.search.run import METHODS, PRIORBAND, Comparison, available, compare
from tests.benchmarks.search.simulation import BudgetSpent, Simulation
from tests.benchmarks.search.suites import Task, read_suite


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, place in (("a", -3.0), ("b", -2.0), ("c", -1.0), ("d", -2.5)):
        write_task(tmp_path / "data" / "deepobs", name, place)
    return tmp_path / "data"


@pytest.fixture
def task(data: Path) -> Task:
    return read_suite(data, "deepobs")[0]


def test_every_third_task_by_name_is_kept_aside(data: Path) -> None:
    names = {which: [t.name for t in read_suite(data, "deepobs", which)] for which in ("all", "dev", "kept")}
    assert names == {"all": ["a", "b", "c", "d"], "dev": ["a", "b", "d"], "kept": ["c"]}
    with pytest.raises(BenchError, match="--data takes the folder"):
        read_suite(data, "lcbench")


def test_a_curve_lies_between_those_of_its_neighbours_and_diverges_with_the_nearer_one(task: Task) -> None:
    low, high = task.configs[10, 0], task.configs[11, 0]
    between = task.curve({"learning_rate": float(np.sqrt(low * high))})
    assert np.allclose(between, (task.loss[10] + task.loss[11]) / 2)
    stable = np.flatnonzero(task.configs[:, 0] <= 1)[-1]
    assert np.isnan(task.curve({"learning_rate": task.configs[stable + 1, 0] * 0.99})[-1])
    assert np.isfinite(task.curve({"learning_rate": task.configs[stable, 0] * 1.01})[-1])


def test_a_stopped_run_pays_for_what_it_ran_and_a_resumed_one_for_what_it_runs_on(task: Task) -> None:
    simulation = Simulation(task, 1.5)
    first, second = simulation.start({"learning_rate": 1e-3}), simulation.start({"learning_rate": 1e-2})
    for run, slices in ((first, 5), (second, 5), (first, 15)):
        for _ in range(slices):
            simulation.advance(run)
    assert simulation.spent == 25
    assert first.finished
    assert not second.finished
    for _ in range(5):
        simulation.advance(second)
    with pytest.raises(BudgetSpent):
        simulation.advance(second)
    assert simulation.spent == simulation.budget == 30
    assert simulation.regret_seen(0.25) > simulation.regret_seen(1.5) == pytest.approx(task.regret(min(first.losses)))


def test_a_suggestion_counts_as_what_it_would_come_to(task: Task) -> None:
    simulation = Simulation(task, 3)
    assert simulation.regret_suggested(3) == 1.0
    run = simulation.start({"learning_rate": 1e-3})
    simulation.advance(run)
    simulation.recommend({"learning_rate": 1e-3})
    assert simulation.regret_suggested(3) == pytest.approx(task.regret(float(run.curve[-1])))
    simulation.recommend({"learning_rate": 5.0})
    assert simulation.regret_suggested(3) == 1.0, "a rate that diverges is no answer"


@pytest.mark.parametrize("name", [name for name in available() if name != "gp"])
def test_every_method_spends_its_budget_and_no_more(task: Task, name: str) -> None:
    simulation = Simulation(task, 4)
    BUILT[name](simulation, 0)
    assert simulation.spent == simulation.budget
    assert simulation.regret_seen(4) < 1.0
    assert simulation.recommendations


@pytest.mark.skipif(PRIORBAND in available(), reason="NePS is installed here")
def test_priorband_without_neps_says_what_to_install(task: Task) -> None:
    with pytest.raises(BenchError, match=r"lrtune\[priorband\]"):
        BUILT[PRIORBAND](Simulation(task, 4), 0)


def test_the_names_offered_are_the_methods_there_are() -> None:
    assert set(METHODS) == BUILT.keys()


def test_results_are_kept_and_not_run_again(data: Path, tmp_path: Path) -> None:
    comparison = Comparison(
        data, tmp_path / "out", suites=("deepobs",), methods=("random", "auto"), seeds=2, trainings=5, processes=1
    )
    first = compare(comparison, lambda _: None)
    assert [(row.method, row.tasks, row.seeds) for row in first] == [("random", 4, 2), ("auto", 4, 2)]
    assert len(first[0].seen) == sum(mark <= 5 for mark in MARKS)
    assert all(0 <= value <= 1 for row in first for value in (*row.seen, *row.suggested))
    changed = next((tmp_path / "out" / "deepobs" / "a").glob("auto-*-0.json"))
    kept = json.loads(changed.read_text())
    changed.write_text(json.dumps({**kept, "seen": [9.0, 9.0]}))
    again = compare(comparison, lambda _: None)
    assert again[1].seen[-1] > 1.0, "what is in the folder is taken as it is"
    assert again[0] == first[0]


def test_two_processes_give_what_one_gives_and_a_plot(data: Path, tmp_path: Path) -> None:
    tables = []
    for processes in (1, 2):
        comparison = Comparison(
            data,
            tmp_path / f"out-{processes}",
            suites=("deepobs",),
            methods=("auto-pausing",),
            tasks="kept",
            seeds=2,
            trainings=3,
            processes=processes,
            plot=tmp_path / f"{processes}.png",
        )
        tables.append(compare(comparison, lambda _: None))
        assert (tmp_path / f"{processes}.png").stat().st_size > 5000
    assert str(tables[0]) == str(tables[1])  # As text: a single task has no standard error, and nan is unequal.


def test_wrong_names_are_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no method 'best': use one of random"):
        compare(Comparison(data, tmp_path, methods=("best",)), lambda _: None)
    with pytest.raises(BenchError, match="no suite 'mine'"):
        compare(Comparison(data, tmp_path, suites=("mine",)), lambda _: None)


def test_each_seed_may_keep_a_share_of_a_tables_configurations(data: Path, tmp_path: Path) -> None:
    whole, some = (problem(data, "deepobs", "a", share, 1) for share in (1.0, 0.5))
    assert len(some.configs) == len(whole.configs) // 2
    assert set(some.configs[:, 0]) <= set(whole.configs[:, 0])
    assert np.all(np.diff(some.configs[:, 0]) > 0), "in order, as curves between them need"
    assert problem(data, "deepobs", "a", 0.5, 2).configs.tolist() != some.configs.tolist()
    comparison = Comparison(
        data, tmp_path / "out", ("deepobs",), ("random",), seeds=2, first_seed=4, share=0.5, trainings=3, processes=1
    )
    compare(comparison, lambda _: None)
    kept = {path.name for path in (tmp_path / "out" / "deepobs" / "a").iterdir()}
    assert kept == {"random-3-0.5-4.json", "random-3-0.5-5.json"}
