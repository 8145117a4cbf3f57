import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.client.client import Client
from tests.end_to_end.conftest import ROOT
from tests.support.processes import gone, until
from tests.trainers.launchers.conftest import Launched, leased, pid_of

pytest.importorskip("ray", reason="the extra lrtune[ray] is not installed")

from ray.cluster_utils import Cluster

from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.engines.ray_actors import RayEngine, RayOptions, spans_machines
from lrtune.trainers.launchers.launch import Launch, Resources

HELD = ("--task", "tasks.py:held", "--on", "ray")
SECONDS = 120
"""For a cluster on a slow machine."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that runs no workers, and a node with two CPUs and two GPUs, as Ray counts them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(ROOT))  # As all nodes have lrtune.
        started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            started.add_node(num_cpus=2, num_gpus=2, resources={"fast": 1})
            yield started
        finally:
            started.shutdown()


def test_each_worker_has_gpus_of_its_own_and_the_fleet_ends_with_the_study(
    cluster: Any, client: Client, launched: Launched, folder: Path
) -> None:
    client.create_study("ray-gpus", max_trials=6, max_steps=3)
    arguments = ("--study", "ray-gpus", "--task", "tasks.py:quick", "--on", "ray", "--address", cluster.address)
    fleet = launched(*arguments, "-n", "2", "--gpus", "1", "--cpus", "0.5", "--name", "g")
    assert fleet.wait(SECONDS) == 0, fleet
    assert client.status("ray-gpus").trials.complete == 6
    seen = {}
    for trial in client.trials("ray-gpus"):
        seen.setdefault((trial.worker or "").rpartition(":")[0], set()).add(
            (folder / f"gpu-{trial.number}").read_text()
        )
    assert all(len(gpus) == 1 for gpus in seen.values())
    assert len(set.union(*seen.values())) == len(seen)
    assert set.union(*seen.values()) <= {"0", "1"}


def test_workers_of_a_node_that_dies_are_replaced_on_another_and_no_trial_is_lost(
    cluster: Any, client: Client, launched: Launched, folder: Path
) -> None:
    client.create_study("ray-node", max_trials=4, max_steps=2, lease_ttl_seconds=5)
    doomed = cluster.add_node(num_cpus=2)
    fleet = launched("--study", "ray-node", *HELD, "--address", cluster.address, "-n", "4", "--name", "n")
    names = ["n-0", "n-1", "n-2", "n-3"]
    until(lambda: leased(client, "ray-node") == names, SECONDS)
    before = {name: pid_of(client, "ray-node", name) for name in names}
    cluster.remove_node(doomed, allow_graceful=False)
    until(lambda: fleet.stderr.count("its node is gone; another takes its place") == 2, SECONDS)
    cluster.add_node(num_cpus=2)
    until(lambda: leased(client, "ray-node") == names, SECONDS)
    after = {name: pid_of(client, "ray-node", name) for name in names}
    moved = [name for name in names if before[name] != after[name]]
    assert len(moved) == 2, "those of the other node went on"
    until(lambda: all(gone(before[name]) for name in moved))
    (folder / "go").touch()
    assert fleet.wait(SECONDS) == 0, fleet
    counts = client.status("ray-node").trials
    assert (counts.complete, counts.failed) == (4, 0)


def test_a_signal_gives_the_trials_back_and_the_token_is_on_no_command_line(
    cluster: Any, client: Client, launched: Launched
) -> None:
    client.create_study("ray-signal", max_trials=4, max_steps=1)
    secret = new_secret()
    fleet = launched(
        *("--study", "ray-signal", *HELD, "--address", cluster.address, "-n", "2", "--resource", "fast=0.5"),
        LRTUNE_TOKEN=secret,
    )
    until(lambda: len(leased(client, "ray-signal")) == 2, SECONDS)
    pids = [pid_of(client, "ray-signal", name) for name in leased(client, "ray-signal")]
    assert f"LRTUNE_TOKEN={secret}" in Path(f"/proc/{pids[0]}/environ").read_text().split("\0")
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if secret in _read(path)] == []
    os.kill(fleet.pid, 15)
    assert fleet.wait(60) == 0, fleet
    assert all(gone(pid) for pid in pids)
    assert [(trial.state, trial.attempt) for trial in client.trials("ray-signal")] == [("waiting", 1)] * 2


def test_workers_do_not_outlive_a_launcher_that_was_killed(cluster: Any, client: Client, launched: Launched) -> None:
    client.create_study("ray-orphans", max_trials=4, max_steps=1, lease_ttl_seconds=2)
    fleet = launched("--study", "ray-orphans", *HELD, "--address", cluster.address, "-n", "2", "--gpus", "0")
    until(lambda: len(leased(client, "ray-orphans")) == 2, SECONDS)
    pids = [pid_of(client, "ray-orphans", name) for name in leased(client, "ray-orphans")]
    assert "CUDA_VISIBLE_DEVICES=" in Path(f"/proc/{pids[0]}/environ").read_text().split("\0")
    os.kill(fleet.pid, 9)
    until(lambda: all(gone(pid) for pid in pids), SECONDS)
    until(lambda: [trial.state for trial in client.trials("ray-orphans")] == ["waiting"] * 2)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_a_task_that_cannot_be_loaded_ends_the_fleet_with_the_workers_line(
    cluster: Any, client: Client, launched: Launched
) -> None:
    client.create_study("ray-missing", max_trials=4, max_steps=1)
    arguments = ("--study", "ray-missing", "--task", "nowhere.py:train", "--on", "ray", "--address", cluster.address)
    fleet = launched(*arguments, "-n", "1")
    assert fleet.wait(SECONDS) == 1, fleet
    assert "each ended 3 times in a row, the last one so: there is no file nowhere.py" in fleet.stderr.splitlines()[-1]


def test_a_cluster_that_is_not_there_is_one_line(client: Client, launched: Launched) -> None:
    client.create_study("ray-none", max_trials=4, max_steps=1)
    fleet = launched("--study", "ray-none", *HELD, "-n", "1", RAY_ADDRESS="127.0.0.1:1")
    assert fleet.wait(60) == 1, fleet
    told = r"lrtune: --address: nothing answers at 127\.0\.0\.1:1 \(Connection refused\); .*`ray start --head`"
    assert re.match(told, fleet.stderr.splitlines()[-1])


def test_what_ray_says_of_a_cluster_that_it_does_not_find_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds_none(**_: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify one.")

    monkeypatch.setattr("ray.init", finds_none)  # Itself it finds whatever runs on this machine, another test's say.
    with pytest.raises(LaunchError, match=r"^--address: no Ray cluster at auto \(.*\); start one with"):
        RayEngine(Launch([], {}, Resources(), "f"), RayOptions(), grace_seconds=0)


def test_a_cluster_of_several_machines_is_known_by_its_nodes_addresses() -> None:
    here, there = ({"Alive": True, "NodeManagerAddress": address} for address in ("10.0.0.1", "10.0.0.2"))
    assert not spans_machines([here, here, {**there, "Alive": False}], "10.0.0.1")
    assert spans_machines([here, there], "10.0.0.1")
