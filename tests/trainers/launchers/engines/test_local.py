import os
import re
import signal
from pathlib import Path

import pytest

from lrtune.trainers.client.client import Client
from tests.support.processes import gone, until
from tests.trainers.launchers.conftest import Launched, leased, pid_of

QUICK = ("--task", "tasks.py:quick")
HELD = ("--task", "tasks.py:held")


def test_a_worker_a_gpu_trains_until_the_study_is_finished(client: Client, launched: Launched, folder: Path) -> None:
    client.create_study("gpus", max_trials=8, max_steps=3)
    fleet = launched("--study", "gpus", *QUICK, CUDA_VISIBLE_DEVICES="4,5,6")
    assert fleet.wait(60) == 0, fleet
    assert client.status("gpus").trials.complete == 8
    workers = {(trial.worker or "").rpartition(":")[0] for trial in client.trials("gpus")}
    gpus = dict(re.findall(r"worker (\S+) has GPU (\S+)$", fleet.stderr, re.MULTILINE))
    assert sorted(gpus.values()) == ["4", "5", "6"]
    assert workers <= set(gpus)
    for trial in client.trials("gpus"):
        seen = (folder / f"gpu-{trial.number}").read_text()
        assert seen == gpus[(trial.worker or "").rpartition(":")[0]], "each sees its own, and no other"
    assert fleet.stderr.splitlines()[-1].endswith("study gpus has nothing left to train")


def test_fewer_workers_start_than_asked_for_where_few_trials_are_left(
    client: Client, launched: Launched, folder: Path
) -> None:
    client.create_study("few", max_trials=2, max_steps=1)
    fleet = launched("--study", "few", *HELD, "-n", "5", "--name", "f")
    until(lambda: len(leased(client, "few")) == 2, 60)
    (folder / "go").touch()
    assert fleet.wait(60) == 0, fleet
    assert sum("worker f-" in line and " runs as " in line for line in fleet.stderr.splitlines()) == 2


def test_a_killed_worker_is_replaced_and_its_trial_trained(client: Client, launched: Launched, folder: Path) -> None:
    client.create_study("died", max_trials=2, max_steps=1, lease_ttl_seconds=2)
    fleet = launched("--study", "died", *HELD, "-n", "2", "--name", "d")
    until(lambda: leased(client, "died") == ["d-0", "d-1"], 60)
    first = pid_of(client, "died", "d-1")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(client, "died", "d-1") not in (0, first), 60)
    (folder / "go").touch()
    assert fleet.wait(60) == 0, fleet
    assert "worker d-1 ended: it was killed by SIGKILL; another takes its place in 1 s" in fleet.stderr
    assert client.status("died").trials.complete == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_all_workers_which_give_their_trials_back(
    client: Client, launched: Launched, number: signal.Signals, code: int
) -> None:
    study = f"ended-{code}"
    client.create_study(study, max_trials=4, max_steps=1)
    fleet = launched("--study", study, *HELD, "-n", "2")
    until(lambda: len(leased(client, study)) == 2, 60)
    pids = [pid_of(client, study, name) for name in leased(client, study)]
    os.kill(fleet.pid, number)
    assert fleet.wait(30) == code, fleet
    assert all(gone(pid) for pid in pids)
    trials = list(client.trials(study))
    assert [(trial.state, trial.attempt) for trial in trials] == [("waiting", 1)] * 2, "at no attempt's cost"


def test_workers_do_not_outlive_a_launcher_that_was_killed(client: Client, launched: Launched) -> None:
    client.create_study("orphans", max_trials=4, max_steps=1)
    fleet = launched("--study", "orphans", *HELD, "-n", "2")
    until(lambda: len(leased(client, "orphans")) == 2, 60)
    pids = [pid_of(client, "orphans", name) for name in leased(client, "orphans")]
    os.kill(fleet.pid, signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in pids), 30)
    assert leased(client, "orphans") == []


def test_workers_that_die_again_and_again_end_the_fleet_with_one_line(client: Client, launched: Launched) -> None:
    client.create_study("deadly", max_trials=9, max_steps=1, lease_ttl_seconds=60)
    fleet = launched("--study", "deadly", "--task", "tasks.py:killed", "-n", "1")
    assert fleet.wait(90) == 1, fleet
    assert fleet.stderr.splitlines()[-1] == (
        "lrtune: no worker is left: each ended 3 times in a row, the last one so: it was killed by SIGKILL; "
        "mend that and launch again"
    )


def test_a_task_that_cannot_be_loaded_ends_the_fleet_with_the_workers_line(client: Client, launched: Launched) -> None:
    client.create_study("missing", max_trials=9, max_steps=1)
    fleet = launched("--study", "missing", "--task", "nowhere.py:train", "-n", "1")
    assert fleet.wait(90) == 1, fleet
    assert "the last one so: there is no file nowhere.py" in fleet.stderr.splitlines()[-1]


def test_a_task_that_fails_ends_the_fleet_when_the_service_hands_out_no_more(
    client: Client, launched: Launched
) -> None:
    client.create_study("failing", max_trials=30, max_steps=1)
    fleet = launched("--study", "failing", "--task", "tasks.py:broken", "-n", "2")
    assert fleet.wait(90) == 1, fleet
    assert "ValueError: no GPU here. Mend it, then run" in fleet.stderr.splitlines()[-1]


def test_a_program_is_run_by_each_worker(client: Client, launched: Launched) -> None:
    client.create_study("program", max_trials=3, max_steps=2)
    line = 'for s in 1 2; do echo "epoch $s loss {learning_rate}"; done'
    pattern = r"--pattern=epoch (?P<step>\d+) loss (?P<value>\S+)"
    fleet = launched("--study", "program", pattern, "-n", "2", "--", "sh", "-c", line)
    assert fleet.wait(60) == 0, fleet
    assert client.status("program").trials.complete == 3


def test_no_token_is_on_a_command_line_and_it_comes_by_its_file(
    client: Client, launched: Launched, folder: Path, tmp_path: Path
) -> None:
    from lrtune.service.wire.access.secrets import new_secret

    secret = new_secret()
    file = tmp_path / "token"
    file.write_text(secret)
    file.chmod(0o600)
    client.create_study("secret", max_trials=1, max_steps=1)
    fleet = launched("--study", "secret", *HELD, "-n", "1", LRTUNE_TOKEN_FILE=str(file))
    until(lambda: len(leased(client, "secret")) == 1, 60)
    worker = Path(f"/proc/{pid_of(client, 'secret', leased(client, 'secret')[0])}")
    assert secret not in (worker / "cmdline").read_text()
    environment = (worker / "environ").read_text().split("\0")
    assert f"LRTUNE_TOKEN_FILE={file}" in environment
    assert not any(secret in variable for variable in environment)
    (folder / "go").touch()
    assert fleet.wait(60) == 0, fleet
