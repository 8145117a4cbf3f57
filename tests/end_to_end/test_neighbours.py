"""A stock Optuna process optimises a study of ours, and one of its own, in the same database as two lrtune workers."""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, environ, start_worker
from tests.support.mirrors import read_by_optuna
from tests.support.processes import Programs

OURS, THEIRS = 20, 15

TRAINING = '''
import json, pathlib

def train(trial):
    """Notes what it reports, beside itself."""
    note = {"number": trial.number, "rate": trial.params["learning_rate"], "curve": {}}
    for step in range(1, trial.max_steps + 1):
        value = trial.params["learning_rate"] / step
        trial.report(step, value)
        note["curve"][step] = value
    (pathlib.Path(__file__).parent / f"{trial.number}.json").write_text(json.dumps(note))
'''

OPTUNA = """
import json, sys
import optuna

url, trials = sys.argv[1], int(sys.argv[2])
optuna.logging.set_verbosity(optuna.logging.WARNING)
storage = optuna.storages.RDBStorage(url)
seen = []

def objective(trial):
    rate = trial.suggest_float("learning_rate", 1e-6, 1.0, log=True)
    trial.report(rate, 1)
    seen.append({"number": trial.number, "rate": rate, "curve": {"1": rate}})
    return rate

ours = optuna.load_study(study_name="s", storage=storage, sampler=optuna.samplers.RandomSampler())
own = optuna.create_study(study_name="their own", storage=storage, sampler=optuna.samplers.RandomSampler())
for _ in range(trials):
    ours.optimize(objective, n_trials=1)
    own.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
print(json.dumps(seen), flush=True)
"""


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that other processes bring about."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if what():
            return
        pause.wait(0.1)
    pytest.fail("it did not come about in time")


def test_a_stock_optuna_process_and_two_workers_share_a_study_and_nothing_is_lost(
    programs: Programs, service: Service, client: Client, storage_url: str, tmp_path: Path
) -> None:
    script, neighbour = tmp_path / "training.py", tmp_path / "neighbour.py"
    script.write_text(TRAINING)
    neighbour.write_text(OPTUNA)
    client.create_study("s", max_trials=OURS, max_steps=3, pruner={"name": "none"}, sampler={"name": "tpe"})
    workers = [start_worker(programs, service, "s", f"{script}:train") for _ in range(2)]
    theirs = programs.start([sys.executable, str(neighbour), storage_url, str(THEIRS)], environ())
    assert theirs.wait(120) == 0, theirs
    for worker in workers:
        assert worker.wait(120) == 0, worker

    seen_by_them = json.loads(theirs.stdout)
    seen_by_us = [json.loads(file.read_text()) for file in tmp_path.glob("[0-9]*.json")]
    assert len(seen_by_us) == OURS, "the budget counts our trials, not the neighbour's"
    seen = sorted(seen_by_them + seen_by_us, key=lambda note: note["number"])
    assert [note["number"] for note in seen] == list(range(OURS + THEIRS))
    in_database = read_by_optuna(storage_url, "s")
    assert [
        {
            "number": trial["number"],
            "rate": trial["params"]["learning_rate"],
            "curve": {str(step): value for step, value in trial["curve"].items()},
        }
        for trial in in_database
    ] == seen
    assert {trial["state"] for trial in in_database} == {"COMPLETE"}
    assert [trial["number"] for trial in read_by_optuna(storage_url, "their own")] == list(range(THEIRS))

    until(lambda: client.status("s").trials.complete == OURS + THEIRS)
    shown = httpx2.get(f"{service.address}/v1/studies/s/trials", params={"limit": 1000}).json()["items"]
    assert [trial["number"] for trial in shown] == list(range(OURS + THEIRS))
    assert [trial["params"]["learning_rate"] for trial in shown] == [note["rate"] for note in seen]
    best = client.status("s").best
    assert best is not None
    assert best.value == min(trial["values"][0] for trial in in_database)
    assert service.program.terminate(20) == 0
