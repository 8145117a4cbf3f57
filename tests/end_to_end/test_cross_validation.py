"""Grid search with cross-validation: one command makes the study, one command trains it."""

import math
import sys
from collections import Counter

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Programs

pytest.importorskip("sklearn")


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
def test_two_commands_search_a_grid_with_cross_validation(programs: Programs, service: Service, client: Client) -> None:
    lrtune = [sys.executable, "-m", "lrtune.service.cli.main"]
    there = ["--server", service.address]
    flags = ["--task", "decision-tree", "--only", "max_depth,criterion", "--sampler", "grid", "--points", "3"]
    made = programs.start([*lrtune, "study", "create", "trees", *there, *flags, "--folds", "4"], environ())
    assert made.wait(60) == 0, made
    worker = programs.start([*lrtune, "worker", "--study", "trees", *there, "--concurrency", "2"], environ())
    assert worker.wait(120) == 0, worker

    status = client.status("trees")
    assert status.state == "finished"
    trials = [client.trial("trees", trial.number) for trial in client.trials("trees")]
    assert Counter((trial.params["max_depth"], trial.params["criterion"]) for trial in trials) == {
        (depth, criterion): 1 for depth in (1, 9, 16) for criterion in ("gini", "entropy")
    }
    assert status.best is not None
    assert status.best.params["max_depth"] != 1
    for trial in trials:
        values = [float(report.value) for report in trial.curve]
        assert [report.step for report in trial.curve] == list(range(1, len(values) + 1))
        if trial.state == "complete":
            mean = sum(values) / 4
            assert trial.value == pytest.approx(mean)
            assert trial.standard_error == pytest.approx(
                math.sqrt(sum((value - mean) ** 2 for value in values) / 3 / 4)
            )
    assert {trial.state for trial in trials} <= {"complete", "pruned"}
    assert any(trial.state == "complete" for trial in trials)
