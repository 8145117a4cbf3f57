"""A service that is away while workers train: killed, stopped, cut off; and workers that are killed meanwhile."""

import os
import signal
import sys
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, Shared, environ, start_worker
from tests.support.gate import Gate
from tests.support.mirrors import read_by_optuna
from tests.support.processes import Program, Programs, until

STEPS = 400
SCRIPT = '''
import os, pathlib, sys, time
from lrtune import task

PACE = 0.02

@task(resumable=True)
def train(trial):
    """A step each 20 ms, counted in a file beside the script; a checkpoint after each tenth."""
    here = pathlib.Path(__file__).parent
    first = trial.resume.step if trial.resume else 0
    for step in range(first + 1, trial.max_steps + 1):
        time.sleep(PACE)
        checkpoint = f"file:///{step}" if step % 10 == 0 else None
        trial.report(step, 1 / step, checkpoint=checkpoint, wait_seconds=0 if step % 2 else None)
        (here / "step").write_text(str(step))

if __name__ == "__main__":
    import json
    for step in range(1, int(sys.argv[1]) + 1):
        time.sleep(PACE)
        print(json.dumps({"step": step, "loss": 1 / step}), flush=True)
        (pathlib.Path(__file__).parent / "step").write_text(str(step))
'''


class Training:
    """The script, and how far it has come."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "my_script.py"
        self.script.write_text(SCRIPT)

    @property
    def step(self) -> int:
        """The latest."""
        counted = self.script.with_name("step")
        return int(counted.read_text() or 0) if counted.exists() else 0

    def comes_to(self, step: int) -> None:
        until(lambda: self.step >= step, 60)


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path)


def spool_files() -> list[Path]:
    return list(Path(os.environ["XDG_STATE_HOME"]).glob("lrtune/spool/*"))


def create(client: Client, name: str = "s", **spec: object) -> None:
    client.create_study(
        name, **{"max_trials": 1, "max_steps": STEPS, "pruner": {"name": "none"}, "sampler": {"name": "random"}} | spec
    )


def assert_whole(client: Client, attempt: int = 1, name: str = "s") -> None:
    trial = client.trial(name, 0)
    assert (trial.state, trial.attempt) == ("complete", attempt)
    assert [point.step for point in client.trial(name, 0, max_points=None).curve] == list(range(1, STEPS + 1))


def test_a_training_goes_on_while_the_service_is_killed_and_all_it_reported_is_there_afterwards(
    programs: Programs, service: Service, client: Client, storage_url: str, training: Training
) -> None:
    create(client)
    worker = start_worker(programs, service, "s", f"{training.script}:train")
    training.comes_to(20)
    service.kill()
    training.comes_to(training.step + 150)
    assert len(spool_files()) == 1
    service.start()
    assert worker.wait(60) == 0, worker
    assert_whole(client)
    assert spool_files() == []
    assert "Its training goes on" in worker.stderr
    assert "the service is back after" in worker.stderr
    service.program.terminate(20)
    (trial,) = read_by_optuna(storage_url, "s")
    assert list(trial["curve"]) == list(range(1, STEPS + 1))


def test_a_program_trains_on_while_the_service_is_killed(
    programs: Programs, service: Service, client: Client, training: Training
) -> None:
    create(client)
    command = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--server", service.address, "--study", "s"]
    worker = programs.start([*command, "--", sys.executable, str(training.script), "{max_steps}"], environ())
    training.comes_to(20)
    service.kill()
    until(spool_files)
    training.comes_to(training.step + 100)
    service.start()
    assert worker.wait(60) == 0, worker
    assert_whole(client)


def test_what_a_worker_had_that_was_killed_while_the_service_was_away_is_sent_by_the_next_one(
    programs: Programs, service: Service, client: Client, training: Training
) -> None:
    create(client)
    worker = start_worker(programs, service, "s", f"{training.script}:train")
    training.comes_to(20)
    service.kill()
    until(spool_files)
    training.comes_to(training.step + 60)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)
    reached = training.step
    service.start()
    successor = start_worker(programs, service, "s", f"{training.script}:train")
    assert successor.wait(60) == 0, successor
    assert_whole(client, attempt=2)
    lost = client.status("s").steps.trained - STEPS
    assert lost <= 10, "it went on from the last checkpoint, which the service had never heard of"
    assert "reports that a worker had kept are sent. Its worker ended" in successor.stderr
    assert spool_files() == []
    assert reached > 60


@pytest.mark.slow
def test_a_service_that_stands_still_holds_no_training_up_for_long(
    programs: Programs, shared: Shared, training: Training
) -> None:
    service, client = shared.service, shared.client
    create(client, "stopped", lease_ttl_seconds=5)
    worker = start_worker(programs, service, "stopped", f"{training.script}:train")
    training.comes_to(20)
    os.kill(service.program.pid, signal.SIGSTOP)
    try:
        until(spool_files, 30)
        training.comes_to(training.step + 100)
    finally:
        os.kill(service.program.pid, signal.SIGCONT)
    assert worker.wait(60) == 0, worker
    assert_whole(client, name="stopped")


def test_a_worker_that_was_cut_off_until_its_lease_ran_out_goes_on_with_its_trial(
    programs: Programs, shared: Shared, training: Training
) -> None:
    service, client = shared.service, shared.client
    create(client, "cut", lease_ttl_seconds=1)
    with Gate(service.port) as gate:
        worker = _worker_at(programs, gate.address, "cut", training)
        training.comes_to(20)
        gate.cut()
        until(lambda: client.trial("cut", 0).state == "waiting")
        until(spool_files)
        training.comes_to(training.step + 50)
        gate.mend()
        until(lambda: client.trial("cut", 0).state == "running")
        assert worker.wait(60) == 0, worker
    assert_whole(client, name="cut")
    assert client.status("cut").steps.trained == STEPS, "no step was trained twice"


def _worker_at(programs: Programs, address: str, study: str, training: Training) -> Program:
    command = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--server", address, "--study", study]
    return programs.start([*command, "--task", f"{training.script}:train"], environ())
