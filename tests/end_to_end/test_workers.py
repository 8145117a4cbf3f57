"""Workers that train, die and come back, and a service that dies and comes back, on both databases."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, Shared, start_worker
from tests.support.mirrors import read_by_optuna
from tests.support.processes import Programs

SCRIPT = '''
import json, os, pathlib, time

def train(trial):
    """Halves a loss at each step; trials 1 and 2 wait while a file called `slow` lies beside the script."""
    here = pathlib.Path(__file__).parent
    loss = 1.0 + trial.params["learning_rate"]
    for step in range(1, trial.max_steps + 1):
        loss /= 2
        trial.report(step, loss)
        note = {"number": trial.number, "pid": os.getpid(), "lease": trial._calls._lease, "attempt": trial.attempt}
        (here / f"{trial.number}.{trial.attempt}.json").write_text(json.dumps(note))
        while (here / "slow").exists() and trial.number in (1, 2):
            time.sleep(0.05)
            if trial.should_stop:
                break
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "my_script.py"
    path.write_text(SCRIPT)
    return path


def until(what: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait for something that other processes bring about."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if what():
            return
        pause.wait(0.05)
    pytest.fail("it did not come about in time")


def test_a_killed_workers_trial_is_trained_again_and_its_late_report_is_refused(
    programs: Programs, shared: Shared, script: Path
) -> None:
    service, client = shared.service, shared.client
    (script.parent / "slow").touch()
    client.create_study("killed", max_trials=8, max_steps=3, lease_ttl_seconds=2, pruner={"name": "none"})
    workers = [start_worker(programs, service, "killed", f"{script}:train") for _ in range(2)]
    held = script.parent / "1.1.json"
    until(held.exists)
    note = json.loads(held.read_text())
    os.kill(note["pid"], 9)
    (script.parent / "slow").unlink()

    until(lambda: client.status("killed").state == "finished")
    again = client.trial("killed", 1)
    assert (again.state, again.attempt) == ("complete", 2)
    late = {"lease": note["lease"], "reports": [{"step": 3, "value": 0.0}]}
    answer = httpx2.post(f"{service.address}/v1/studies/killed/trials/1/reports", json=late)
    assert answer.status_code == 409
    assert answer.json()["type"] == "lease-lost"
    assert "stop training" in answer.json()["detail"]

    status = client.status("killed")
    assert status.trials.complete == 8
    assert status.steps.trained == 8 * 3 + 1, "the step that the killed worker trained was trained twice"
    survivors = [worker for worker in workers if worker.poll() is None or worker.poll() == 0]
    assert len(survivors) == 1
    assert survivors[0].wait(20) == 0
    trials = read_by_optuna(shared.url, "killed")
    assert [trial["number"] for trial in trials] == list(range(8))
    assert all(trial["state"] == "COMPLETE" and list(trial["curve"]) == [1, 2, 3] for trial in trials)


def test_workers_ride_out_a_service_that_is_killed_and_started_again(
    programs: Programs, service: Service, client: Client, storage_url: str, script: Path
) -> None:
    (script.parent / "slow").touch()
    client.create_study("s", max_trials=6, max_steps=4, pruner={"name": "none"})
    workers = [start_worker(programs, service, "s", f"{script}:train") for _ in range(2)]
    until(lambda: client.status("s").workers == 2)
    until((script.parent / "1.1.json").exists)
    service.kill()
    (script.parent / "slow").unlink()
    service.start()
    for worker in workers:
        assert worker.wait(60) == 0, worker
    assert client.status("s").trials.complete == 6
    service.program.terminate(20)
    trials = read_by_optuna(storage_url, "s")
    assert [trial["number"] for trial in trials] == list(range(6))
    for trial in trials:
        expected = {s: (1.0 + trial["params"]["learning_rate"]) / 2**s for s in (1, 2, 3, 4)}
        assert trial["curve"] == expected
        assert trial["values"] == [expected[4]]


def test_a_worker_that_is_asked_to_end_gives_its_trial_back(programs: Programs, shared: Shared, script: Path) -> None:
    service, client = shared.service, shared.client
    (script.parent / "slow").touch()
    client.create_study("asked", max_trials=3, max_steps=3, pruner={"name": "none"})
    worker = start_worker(programs, service, "asked", f"{script}:train")
    until((script.parent / "1.1.json").exists)
    assert worker.terminate(20) == 0
    released = client.trial("asked", 1)
    assert (released.state, released.attempt, released.error) == ("waiting", 1, None)
    (script.parent / "slow").unlink()
    successor = start_worker(programs, service, "asked", f"{script}:train")
    assert successor.wait(40) == 0
    done = client.trial("asked", 1)
    assert (done.state, done.attempt) == ("complete", 1), "giving it back cost no attempt"
    assert [report.step for report in done.curve] == [1, 2, 3]


def test_a_service_that_is_asked_to_end_commits_what_it_has_and_exits_with_0(
    service: Service, client: Client, storage_url: str
) -> None:
    client.create_study("s", max_trials=100, max_steps=3)
    acknowledged: list[int] = []

    def record_until_refused() -> None:
        with httpx2.Client(base_url=service.address, timeout=10) as http:
            for _ in range(2000):
                try:
                    body = {"params": {"learning_rate": 0.1}, "value": 0.5}
                    answer = http.post("/v1/studies/s/trials/record", json=body)
                except httpx2.TransportError:
                    return
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["number"])

    threads = [threading.Thread(target=record_until_refused) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 100)
    assert service.program.terminate(30) == 0, service.program
    for thread in threads:
        thread.join(30)
    numbers = {trial["number"] for trial in read_by_optuna(storage_url, "s")}
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= numbers


@pytest.mark.parametrize("shared", ["sqlite"], indirect=True)  # The tests above have workers on both databases.
def test_digits_are_trained_by_two_workers_and_the_suggestion_is_a_rate_one_would_use(
    programs: Programs, shared: Shared
) -> None:
    service, client = shared.service, shared.client
    space = {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 10.0, "log": True},
        "batch_size": {"type": "categorical", "choices": [64, 128]},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": ["sgd"]}},
    }
    client.create_study("digits", search_space=space, max_trials=12, max_steps=5)
    workers = [
        start_worker(programs, service, "digits", "lrtune.trainers.tasks.builtin.digits:train") for _ in range(2)
    ]
    for worker in workers:
        assert worker.wait(120) == 0, worker
    status = client.status("digits")
    assert status.state == "finished"
    assert sum(status.trials.model_dump().values()) == 12
    suggestion = client.suggestion("digits")
    assert suggestion.basis in ("posterior", "best_trial")
    assert suggestion.interval is not None
    assert suggestion.learning_rate is not None
    assert suggestion.interval[0] <= suggestion.learning_rate <= suggestion.interval[1]
    assert suggestion.expected_value is not None
    assert suggestion.expected_value < 1.0, "guessing has 2.3"
