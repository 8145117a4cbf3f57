"""The table behind docs/explanation/suggestion.md, on a case whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from tests.benchmarks.conftest import Bench
from tests.benchmarks.suggestion.table import MARKS, Case, measure, suggest_after, train

RATES = np.geomspace(1e-5, 1.0, 41)
TRUTH = np.where(RATES > 0.3, np.nan, np.log10(RATES / 1e-2) ** 2)


@pytest.fixture
def case() -> Case:
    return Case("made up", "bowl", False, RATES, np.stack([TRUTH, TRUTH + 0.01]), TRUTH)


def test_regret_is_0_at_the_best_rate_and_1_where_it_diverges(case: Case) -> None:
    assert case.best_rate == pytest.approx(1e-2)
    assert case.regret(1e-2) == 0.0
    assert case.regret(0.9) == 1.0
    assert 0.0 < case.regret(3e-3) < case.regret(1e-3) < 1.0
    assert case.loss(1e-3, TRUTH) == pytest.approx(1.0)
    assert math.isnan(case.loss(0.9, TRUTH))


def test_a_study_of_the_case_ends_with_its_best_rate_in_the_interval(case: Case) -> None:
    trials = train(case, "auto", seed=1)
    assert len(trials) == MARKS[-1]
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    found = suggest_after(trials, 1e-5, 1.0)
    assert found.basis == "posterior"
    assert found.interval is not None
    assert found.interval[0] < 1e-2 < found.interval[1]


def test_the_table_has_a_row_for_each_mark_and_grouping(case: Case) -> None:
    rows = measure([case], seeds=1, processes=1)
    assert {(row.name, row.tasks, row.trials) for row in rows} == {
        (name, tasks, mark)
        for name in ("all", "auto", "random", "made up")
        for tasks in ("all", "dev")
        for mark in MARKS
    }
    assert {row.cases for row in rows if row.name == "all"} == {2}
    assert all(0 <= row.regret_suggested <= 1 for row in rows)


def test_the_command_prints_the_table_and_what_a_suggestion_costs(bench: Bench, curves: Path) -> None:
    ran = bench("suggestion", "--quick", "--data", str(curves))
    assert ran.code == 0, ran.err
    head, _, *lines, last = [line for line in ran.out.splitlines() if line]
    assert head.startswith("| trials of | tasks | after |")
    assert {line.count("|") for line in lines} == {head.count("|")}
    assert last.startswith("a suggestion after 25 trials takes ")
