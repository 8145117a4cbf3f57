"""Real workers that pause their trainings and take each other's up again."""

from pathlib import Path

import pytest

from lrtune.service.wire.trials import Trial
from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, start_worker
from tests.support.mirrors import read_by_optuna
from tests.support.processes import Programs

pytest.importorskip("torch")

TRIALS, STEPS = 12, 8


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def test_two_workers_pause_and_promote_and_train_far_less_than_every_trial_to_its_end(
    programs: Programs, service: Service, client: Client, storage_url: str, tmp_path: Path
) -> None:
    space = {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "batch_size": {"type": "categorical", "choices": [128, 256]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.95},
    }
    client.create_study("digits", search_space=space, max_trials=TRIALS, max_steps=STEPS, tags={"task": "digits"})
    checkpoints = tmp_path / "checkpoints"
    workers = [
        start_worker(programs, service, "digits", "digits", LRTUNE_CHECKPOINTS=str(checkpoints)) for _ in range(2)
    ]
    for worker in workers:
        assert worker.wait(120) == 0, worker
    status = client.status("digits")
    assert status.state == "finished"
    counts = status.trials
    assert counts.complete + counts.pruned + counts.diverged == TRIALS, "the budget is exact, and nothing failed"
    assert counts.complete >= 1
    assert counts.pruned >= 3
    assert status.steps.trained < 0.7 * TRIALS * STEPS
    trials: list[Trial] = list(client.trials("digits"))
    trained = sum(trial.step or 0 for trial in trials)
    assert trained == status.steps.trained, "whoever took a training up again lost no step of it"
    for trial in trials:
        if trial.state == "pruned":
            assert trial.explanation is not None
            assert "earned no more steps" in trial.explanation
    assert status.best is not None
    assert float(status.best.value) < 1.0, "guessing has 2.3"
    complete = [trial for trial in read_by_optuna(storage_url, "digits") if trial["state"] == "COMPLETE"]
    for trial in complete:
        assert trial["system_attrs"]["lrtune:pause_at"] == STEPS, "it was promoted to its end"
        assert list(trial["curve"]) == list(range(1, STEPS + 1))
