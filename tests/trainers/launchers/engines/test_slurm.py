import os
import re
import signal
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.launch import Launch, Resources
from tests.support.processes import gone, until
from tests.trainers.launchers.conftest import Launched, children, leased, pid_of

pytest.importorskip("submitit", reason="the extra lrtune[slurm] is not installed")

from lrtune.trainers.launchers.engines import slurm
from lrtune.trainers.launchers.engines.slurm import SlurmEngine, SlurmOptions

HERE = ("--on", "slurm", "--cluster", "local")
SBATCH = """#!/bin/sh
cat "$1" >> {folder}/submitted
env | grep ^LRTUNE >> {folder}/environment
echo "Submitted batch job $(cat {folder}/next)"
"""


def test_jobs_train_until_the_study_is_finished(client: Client, launched: Launched, folder: Path) -> None:
    client.create_study("jobs", max_trials=4, max_steps=2)
    fleet = launched("--study", "jobs", "--task", "tasks.py:quick", *HERE, "-n", "2", "--name", "j")
    assert fleet.wait(90) == 0, fleet
    assert client.status("jobs").trials.complete == 4
    assert len(list((folder / "lrtune-jobs" / "j").glob("*_log.out"))) == 2
    assert f"jobs and their logs are in {folder}/lrtune-jobs/j" in fleet.stderr


def test_a_job_whose_time_is_nearly_up_gives_its_trial_back_and_goes_on_as_another(
    client: Client, launched: Launched, folder: Path
) -> None:
    client.create_study("requeued", max_trials=1, max_steps=1)
    fleet = launched("--study", "requeued", "--task", "tasks.py:held", *HERE, "-n", "1", "--name", "r")
    until(lambda: leased(client, "requeued") == ["r-0"], 60)
    worker = pid_of(client, "requeued", "r-0")
    controller, job = fleet_job(fleet.pid)
    os.kill(worker, signal.SIGUSR2)  # As Slurm does: it warns all processes of a job.
    os.kill(job, signal.SIGUSR2)
    until(lambda: pid_of(client, "requeued", "r-0") not in (0, worker), 60)
    assert gone(worker)
    assert children(fleet.pid) == [controller], "requeued within the same job"
    assert next(client.trials("requeued")).attempt == 1, "given back, at no attempt's cost"
    (folder / "go").touch()
    assert fleet.wait(60) == 0, fleet


def fleet_job(pid: int) -> tuple[int, int]:
    """submitit's controller, which stands in for Slurm, and the job's own process."""
    (controller,) = children(pid)
    (job,) = children(controller)
    return controller, job


def test_a_signal_cancels_the_jobs_which_give_their_trials_back(client: Client, launched: Launched) -> None:
    client.create_study("cancelled", max_trials=4, max_steps=1)
    fleet = launched("--study", "cancelled", "--task", "tasks.py:held", *HERE, "-n", "2")
    until(lambda: len(leased(client, "cancelled")) == 2, 60)
    pids = [pid_of(client, "cancelled", name) for name in leased(client, "cancelled")]
    os.kill(fleet.pid, signal.SIGTERM)
    assert fleet.wait(60) == 0, fleet
    until(lambda: all(gone(pid) for pid in pids))
    until(lambda: [trial.state for trial in client.trials("cancelled")] == ["waiting"] * 2)


def test_a_job_that_fails_again_and_again_ends_the_fleet_with_the_workers_line(
    client: Client, launched: Launched
) -> None:
    client.create_study("unloadable", max_trials=4, max_steps=1)
    fleet = launched("--study", "unloadable", "--task", "nowhere.py:train", *HERE, "-n", "1")
    assert fleet.wait(90) == 1, fleet
    last = fleet.stderr.splitlines()[-1]
    assert last.startswith("lrtune: no worker is left: each ended 3 times in a row, the last one so: there is no file")


# What Slurm is told


@pytest.fixture
def submitting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with programs that are called as Slurm's; what sbatch was given is in `submitted`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": "#!/bin/sh\n", "squeue": "#!/bin/sh\ncat {folder}/queue\n"}.items():
        (folder / name).write_text(text.format(folder=folder))
        (folder / name).chmod(0o755)
    (folder / "scancel").write_text(f'#!/bin/sh\necho "$@" >> {folder}/cancelled\n')
    (folder / "scancel").chmod(0o755)
    (folder / "next").write_text("12")
    (folder / "queue").write_text("")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def engine(folder: Path, resources: Resources | None = None, **options: object) -> SlurmEngine:
    launch = Launch(["worker", "--study=s"], {"LRTUNE_SERVER": "http://a:1"}, resources or Resources(), "f")
    return SlurmEngine(launch, SlurmOptions(folder / "jobs", 240, **options), grace_seconds=0.1)  # type: ignore[arg-type]


def flags(submitting: Path) -> dict[str, str]:
    lines = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", (submitting / "submitted").read_text(), re.MULTILINE)
    return dict(lines)


def test_workers_are_one_array_that_is_requeued_with_what_each_needs(submitting: Path, tmp_path: Path) -> None:
    started = engine(
        tmp_path,
        Resources(gpus=2, cpus=3.5, memory_bytes=16 * 1024**3),
        partition="gpu",
        account="lab",
        qos="low",
        constraint="a100",
        sbatch={"exclude": "node7"},
    )
    started.start(["f-0", "f-1", "f-2"])
    given = flags(submitting)
    assert given["array"] == "0-2%3"
    assert {"requeue": "", "signal": "USR2@90", "time": "240", "job-name": "f"}.items() <= given.items()
    assert {"gpus-per-node": "2", "cpus-per-task": "4", "mem": "16GB"}.items() <= given.items()
    assert {"partition": "gpu", "account": "lab", "qos": "low", "constraint": "a100"}.items() <= given.items()
    assert given["exclude"] == "node7"
    assert started.job_ids == ["12"]


def test_a_job_is_what_the_queue_says_of_it(submitting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = engine(tmp_path)
    started.start(["f-0", "f-1"])
    (submitting / "queue").write_text("12_0 RUNNING\n12_1 PENDING\n99 RUNNING\n")
    assert {name: seen.state for name, seen in started.look().items()} == {"f-0": "running", "f-1": "waiting"}
    (submitting / "queue").write_text("12_1 RUNNING\n")
    assert started.look()["f-0"].state == "running", "its result may come yet"
    monkeypatch.setattr(slurm, "GONE_AFTER_SECONDS", 0.0)
    seen = started.look()
    assert seen["f-0"].state == "ended"
    assert seen["f-0"].fault is not None
    assert seen["f-0"].fault.text == "job 12_0 is gone and left no result; `sacct -j 12_0` may say why"
    assert list(started.look()) == ["f-1"]


def test_while_the_queue_does_not_answer_workers_stay_as_they_were(submitting: Path, tmp_path: Path) -> None:
    started = engine(tmp_path)
    started.start(["f-0"])
    (submitting / "queue").write_text("12 RUNNING\n")
    started.look()
    (submitting / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert started.look()["f-0"].state == "running"


def test_ending_workers_cancels_their_jobs(submitting: Path, tmp_path: Path) -> None:
    started = engine(tmp_path)
    started.start(["f-0", "f-1"])
    started.end(["f-1"])
    assert (submitting / "cancelled").read_text().split() == ["12_1"]
    assert started.look()["f-1"].state == "ended"


def test_what_sbatch_refuses_is_one_line(submitting: Path, tmp_path: Path) -> None:
    (submitting / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: a' >&2; exit 1\n")
    with pytest.raises(LaunchError, match="--on slurm: sbatch refuses: sbatch: error: invalid partition specified: a"):
        engine(tmp_path, partition="a").start(["f-0"])


def test_without_slurm_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="--on slurm: sbatch and srun are not on this machine"):
        engine(tmp_path)
