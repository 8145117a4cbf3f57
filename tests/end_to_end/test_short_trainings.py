"""Real workers whose trainings anneal: short ones first, and what the service suggests after them."""

from collections import Counter
from pathlib import Path

import pytest

from lrtune.service.wire.trials import Trial
from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, start_worker
from tests.support.mirrors import read_by_optuna
from tests.support.processes import Programs

pytest.importorskip("torch")

TRIALS, STEPS = 13, 9


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def test_two_workers_climb_the_ladder_and_then_train_in_full(
    programs: Programs, service: Service, client: Client, storage_url: str, tmp_path: Path
) -> None:
    space = {"learning_rate": {"type": "float", "low": 1e-4, "high": 10.0, "log": True}}
    client.create_study("digits", search_space=space, max_trials=TRIALS, max_steps=STEPS)
    checkpoints = str(tmp_path / "checkpoints")
    workers = [start_worker(programs, service, "digits", "digits", LRTUNE_CHECKPOINTS=checkpoints) for _ in range(2)]
    for worker in workers:
        assert worker.wait(120) == 0, worker
    trials: list[Trial] = list(client.trials("digits"))
    lengths = Counter(trial.max_steps for trial in trials)
    assert lengths == {1: 7, 3: 2, 9: 4}, "the ladder, and in full what its budget leaves"
    for trial in trials:
        assert trial.state in ("complete", "diverged"), "none is paused, none is stopped"
        if trial.state == "complete":
            assert trial.step == trial.max_steps
    status = client.status("digits")
    assert status.state == "finished"
    assert status.short_trainings == sum(t.state == "complete" and t.max_steps != STEPS for t in trials)
    assert status.best is not None
    full = [trial for trial in trials if trial.state == "complete" and trial.max_steps == STEPS]
    assert status.best.value == min(trial.value for trial in full if trial.value is not None)
    suggestion = client.suggestion("digits")
    assert suggestion.basis == "posterior"
    assert suggestion.interval is not None
    assert suggestion.expected_value is not None
    assert float(suggestion.expected_value) < 1.0, "guessing has 2.3"
    complete = [trial for trial in read_by_optuna(storage_url, "digits") if trial["state"] == "COMPLETE"]
    assert [trial["number"] for trial in complete] == [trial.number for trial in full]
