"""Workers whose machine is taken away: told so by SIGTERM, or killed. Real processes, and a real service."""

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import Service, start_worker
from tests.support.processes import Program, Programs, until

EVALUATIONS, EVERY = 4, 5
STEPS = EVALUATIONS * EVERY

TASK = '''
import os, pathlib, time
import torch
import lrtune

HERE = pathlib.Path(__file__).parent
ROWS = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))


def loss_of(model, batch):
    """Notes that a step begins; all wait from step `stop` on while there is such a file."""
    if model.training:
        with (HERE / "steps").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        stop = HERE / "slow"
        while stop.exists():
            time.sleep(float(stop.read_text() or 0.2))
            break
    return (model(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()


@lrtune.task(anneals=True, resumable=True)
def train(trial):
    model = lambda: torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
    how = {"loss_function": loss_of, "batch_size": 8, "learning_rate": 0.01, "device": "cpu", "trial": trial}
    how |= {"evaluate_every": int(os.environ["EVERY"]), "checkpoints": os.environ["LRTUNE_CHECKPOINTS"]}
    result = lrtune.fit(model, (ROWS,), **how)
    (HERE / "weights").write_text(str([one.tolist() for one in result.model.parameters()]))


def hang(trial):
    """A training that looks at nothing."""
    trial.report(1, 0.5)
    with trial.notice.heeded():
        (HERE / "hangs").touch()
        time.sleep(600)
'''


class Fleet:
    """One study of one trial, and what trains it."""

    def __init__(self, programs: Programs, service: Service, client: Client, folder: Path) -> None:
        self._programs, self._service, self.client, self.folder = programs, service, client, folder
        (folder / "my_task.py").write_text(TASK)

    def create(self, evaluations: int = EVALUATIONS) -> None:
        how = {"max_trials": 1, "max_steps": evaluations, "lease_ttl_seconds": 2, "max_attempts": 20}
        self.client.create_study("s", pruner={"name": "none"}, **how)

    def worker(self, *, every: int = EVERY, task: str = "train", **variables: str) -> Program:
        more = {"EVERY": str(every), "LRTUNE_CHECKPOINTS": str(self.folder / "checkpoints"), **variables}
        return start_worker(self._programs, self._service, "s", f"{self.folder / 'my_task.py'}:{task}", **more)

    def slow(self, seconds: float) -> None:
        (self.folder / "slow").write_text(str(seconds))

    def fast(self) -> None:
        (self.folder / "slow").unlink()

    @property
    def steps(self) -> int:
        """How many were begun, by all workers together."""
        steps = self.folder / "steps"
        return len(steps.read_text().splitlines()) if steps.exists() else 0

    def trained_by_one(self) -> tuple[str, list[tuple[int, float]]]:
        """The weights and the curve of a training that nobody ends."""
        self.create()
        assert self.worker().wait(60) == 0
        curve = [(point.step, float(point.value)) for point in self.client.trial("s", 0).curve]
        self.client.delete_study("s")
        (self.folder / "steps").unlink()
        return (self.folder / "weights").read_text(), curve


@pytest.fixture
def storage_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


@pytest.fixture
def fleet(programs: Programs, service: Service, client: Client, tmp_path: Path) -> Fleet:
    return Fleet(programs, service, client, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_worker_told_to_end_in_the_middle_leaves_in_good_order_and_the_next_one_loses_no_step(
    fleet: Fleet, number: signal.Signals
) -> None:
    expected = fleet.trained_by_one()
    fleet.create()
    fleet.slow(0.3)
    first = fleet.worker()
    until(lambda: fleet.steps >= EVERY + 2, 60)
    os.kill(first.pid, number)
    assert first.wait(20) == 0, first
    waiting = fleet.client.trial("s", 0)
    assert (waiting.state, waiting.attempt) == ("waiting", 1)
    assert waiting.checkpoint is not None
    assert waiting.checkpoint.step == 1, "the second evaluation was not reached"
    begun = fleet.steps
    fleet.fast()
    assert fleet.worker().wait(60) == 0
    assert fleet.steps == STEPS, "no step was begun twice"
    assert begun < 2 * EVERY
    trial = fleet.client.trial("s", 0)
    curve = [(point.step, float(point.value)) for point in trial.curve]
    assert (trial.state, trial.attempt) == ("complete", 1), "no attempt was lost"
    assert ((fleet.folder / "weights").read_text(), curve) == expected


def test_a_training_that_outlasts_the_grace_is_broken_off_and_given_back(fleet: Fleet) -> None:
    fleet.create()
    worker = fleet.worker(task="hang", LRTUNE_GRACE_SECONDS="0.5")
    until((fleet.folder / "hangs").exists, 60)
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(20) == 0, worker
    assert (fleet.client.trial("s", 0).state, fleet.client.trial("s", 0).attempt) == ("waiting", 1)


def test_a_second_sigterm_ends_a_worker_at_once(fleet: Fleet) -> None:
    fleet.create()
    worker = fleet.worker(task="hang", LRTUNE_GRACE_SECONDS="600")
    until((fleet.folder / "hangs").exists, 60)
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(1.2)  # Sooner it would be the same one, sent twice.
    assert worker.poll() is None
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(10) == 128 + signal.SIGTERM


def test_a_worker_that_is_killed_costs_one_step_at_the_most_where_each_has_a_checkpoint(fleet: Fleet) -> None:
    fleet.create(evaluations=STEPS)
    kills = 3
    fleet.slow(0.1)
    for kill in range(kills):
        worker = fleet.worker(every=1)
        target = fleet.steps + 3
        until(lambda target=target: fleet.steps >= target, 60)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(10)
        until(lambda kill=kill: fleet.client.trial("s", 0).state == "waiting", 20)
        assert fleet.client.trial("s", 0).attempt == kill + 1
    fleet.fast()
    assert fleet.worker(every=1).wait(60) == 0
    trial = fleet.client.trial("s", 0)
    assert [point.step for point in trial.curve] == list(range(1, STEPS + 1))
    lost = fleet.steps - STEPS - kills  # A step that was in hand at each kill is no loss of a step that was done.
    assert 0 <= lost <= kills, f"{lost} steps were trained twice after {kills} kills"
