"""`lrtune worker` as several ranks of one training."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lrtune import Client
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Program, Programs, until
from tests.trainers.distributed.conftest import start_ranks

END_SECONDS = 120
TASK = """
import os
import time
from pathlib import Path

from lrtune import task


@task(resumable=True)
def train(trial):
    rank = int(os.environ["RANK"])
    for step in range(1, trial.max_steps + 1):
        if trial.number == 0 and os.environ.get("FIRST_FAILS") and step == 2:
            raise ValueError(f"no such batch on rank {rank}")
        time.sleep(float(os.environ["STEP_SECONDS"]))
        with Path(f"rank-{rank}").open("a") as file:
            print(trial.number, step, trial.params["learning_rate"], file=file)
        trial.report(step, 1.0 + rank, checkpoint=f"file:///{trial.number}-{step}", mean=True)
"""


FITTED = """
import time
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lrtune import fit, task

rows = torch.rand(1000, 2)


def loss(model, batch):
    time.sleep(0.05)
    with Path(f"rank-{distributed.get_rank()}").open("a") as file:
        print("step", file=file)
    return model(batch[0]).square().mean()


@task(resumable=True)
def train(trial):
    if not distributed.is_initialized():
        distributed.init_process_group("gloo")
    torch.manual_seed(0)
    how = {"loss_function": loss, "learning_rate": 1e-3, "batch_size": 2, "device": "cpu"}
    fit(lambda: DistributedDataParallel(nn.Linear(2, 1)), rows, trial=trial, checkpoints="kept", **how)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db")


@pytest.fixture
def client(running: Service) -> Iterator[Client]:
    with Client(running.address) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TASK)
    return tmp_path


def command(running: Service, folder: Path, study: str) -> list[str]:
    worker = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--server", running.address]
    return [*worker, "--study", study, "--task", f"{folder}/train.py:train"]


def trained(folder: Path, rank: int) -> list[str]:
    path = folder / f"rank-{rank}"
    return path.read_text().splitlines() if path.exists() else []


def ranks(
    programs: Programs, running: Service, folder: Path, study: str, step_seconds: float, **more: str
) -> list[Program]:
    return start_ranks(programs, command(running, folder, study), cwd=folder, STEP_SECONDS=str(step_seconds), **more)


def test_ranks_train_each_trial_together_and_go_on_where_all_of_them_failed(
    client: Client, running: Service, programs: Programs, folder: Path
) -> None:
    client.create_study("together", max_trials=3, max_steps=3, pruner="none")
    started = ranks(programs, running, folder, "together", 0, FIRST_FAILS="1")
    for program in started:
        assert program.wait(END_SECONDS) == 0, program
    trials = client.study("together").list()
    assert [trial.state for trial in trials] == ["failed", "complete", "complete", "complete"]
    assert "no such batch on rank" in trials[0].error
    assert [trial.value for trial in trials[1:]] == [1.5] * 3
    assert trained(folder, 0) == trained(folder, 1)
    assert "nothing left to train" in started[0].stderr
    assert "nothing left to train" not in started[1].stderr


@pytest.mark.parametrize("told", [0, 1])
def test_sigterm_to_one_rank_ends_all_after_the_same_report_whose_checkpoint_is_kept(
    client: Client, running: Service, programs: Programs, folder: Path, told: int
) -> None:
    study = f"told-{told}"
    client.create_study(study, max_trials=1, max_steps=1000, pruner="none")
    started = ranks(programs, running, folder, study, 0.1)
    until(lambda: len(trained(folder, 0)) >= 2, END_SECONDS)
    started[told].terminate(END_SECONDS)
    for program in started:
        assert program.wait(END_SECONDS) == 0, program
    steps = len(trained(folder, 0))
    assert len(trained(folder, 1)) == steps
    again = client.study(study).ask(resumable=True)
    assert (again.attempt, again.resume.step) == (1, steps), "an attempt that cost nothing, up to the last step"
    again.release()


def test_fit_leaves_after_the_very_step_with_one_checkpoint_of_all_ranks(
    client: Client, running: Service, programs: Programs, folder: Path
) -> None:
    (folder / "train.py").write_text(FITTED)
    client.create_study("fitted", max_trials=1, max_steps=3, pruner="none")
    started = ranks(programs, running, folder, "fitted", 0)
    until(lambda: len(trained(folder, 1)) >= 3, END_SECONDS)
    started[1].terminate(END_SECONDS)
    assert [program.wait(END_SECONDS) for program in started] == [0, 0]
    steps = len(trained(folder, 0))
    assert len(trained(folder, 1)) == steps < 500, "within the first epoch"
    (kept,) = (folder / "kept").iterdir()
    assert kept.name.endswith(f"-step-{steps}.pt")
    again = client.study("fitted").ask(resumable=True)
    assert (again.attempt, again.resume.uri) == (1, kept.as_uri())
    again.release()


def test_torchrun_ends_all_where_one_is_killed_and_the_attempt_is_lost(
    client: Client, running: Service, programs: Programs, folder: Path
) -> None:
    client.create_study("killed", max_trials=1, max_steps=1000, pruner="none")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    variables = {"STEP_SECONDS": "0.1", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    launcher = programs.start([*launch, *command(running, folder, "killed")[1:]], environ(**variables), cwd=folder)
    until(lambda: len(trained(folder, 0)) >= 2, END_SECONDS)
    _kill(1)
    assert launcher.wait(END_SECONDS) == 1
    (trial,) = client.study("killed").list()
    assert trial.state == "waiting"
    again = client.study("killed").ask(resumable=True)
    assert again.attempt == 2
    assert again.resume is not None
    again.release()


def _kill(rank: int) -> None:
    """The process of that rank which a launcher of this test started."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes().split(b"\0")
            words = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"killed" in words and f"RANK={rank}".encode() in variables:
            os.kill(int(path.name), signal.SIGKILL)
            return
    raise AssertionError(f"there is no rank {rank}")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--task", "digits", "--concurrency", "2"], "--concurrency is for a worker of one process"),
        (["--task", "digits", "--folds", "2"], "--folds is for a worker of one process"),
        ([], "add --task"),
        (["--", "./train.sh"], "start one worker, with torchrun in its program"),
    ],
)
def test_what_does_not_go_with_several_ranks_is_told_in_one_line(
    programs: Programs, options: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "lrtune.service.cli.main", "worker", "--study", "s", *options]
    meeting = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    program = programs.run(command, environ(**meeting), END_SECONDS)
    assert program.poll() == 1
    assert told in " ".join(program.stderr.split())
