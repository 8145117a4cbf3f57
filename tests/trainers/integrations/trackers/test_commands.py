"""`lrtune worker --track` and `lrtune study mirror`, with a real service, read back by the trackers' own readers."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrtune import Client, StudyHandle
from tests.docs.pages import ROOT
from tests.end_to_end.conftest import environ
from tests.support.processes import Program, Programs

pytest.importorskip("tensorboard", reason="needs lrtune[tensorboard]: make frameworks")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

COMMAND = [sys.executable, "-m", "lrtune.service.cli.main"]
PROGRAM = """
import json, sys, time
for step in range(1, 6):
    print(json.dumps(dict(step=step, value=float(sys.argv[1]) / step)), flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, retry_seconds=30) as opened:
        yield opened


@pytest.fixture
def study(client: Client, request: pytest.FixtureRequest) -> StudyHandle:
    return client.create_study(
        re.sub(r"\W+", "-", request.node.name)[:100], max_trials=3, max_steps=5, pruner="none", lease_ttl_seconds=1.0
    )


def worker(programs: Programs, study: StudyHandle, *options: str, seconds: float = 0.0) -> Program:
    program = ["--", sys.executable, "-c", PROGRAM, "{learning_rate}", str(seconds)]
    command = [*COMMAND, "worker", "--study", study.name, *options, *program]
    return programs.start(command, environ(LRTUNE_SERVER=study._connection.server))


def mirror(programs: Programs, study: StudyHandle, to: str, *options: str) -> Program:
    command = [*COMMAND, "study", "mirror", study.name, "--to", to, *options]
    return programs.start(command, environ(LRTUNE_SERVER=study._connection.server))


def curves(folder: Path, study: StudyHandle) -> dict[int, list[tuple[int, float]]]:
    found = {}
    for run in sorted((folder / study.name).glob("trial-*")):
        held = EventAccumulator(str(run), size_guidance={"scalars": 0})
        held.Reload()
        scalars = held.Scalars("loss") if "loss" in held.Tags()["scalars"] else []
        found[int(run.name.removeprefix("trial-"))] = [(one.step, one.value) for one in scalars]
    return found


def reported(client: Client, study: StudyHandle) -> dict[int, Any]:
    return {
        trial.number: [
            (point.step, pytest.approx(point.value)) for point in client.trial(study.name, trial.number).curve
        ]
        for trial in study.list()
    }


def test_a_worker_mirrors_what_any_program_prints(
    programs: Programs, client: Client, study: StudyHandle, tmp_path: Path
) -> None:
    assert worker(programs, study, "--track", f"tensorboard:{tmp_path}/runs").wait(60) == 0
    assert curves(tmp_path / "runs", study) == reported(client, study)
    assert [len(curve) for curve in curves(tmp_path / "runs", study).values()] == [5, 5, 5]


def test_several_processes_mirror_to_several_trackers(
    programs: Programs, client: Client, study: StudyHandle, tmp_path: Path
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs lrtune[mlflow]: make frameworks")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracked = ["--track", f"tensorboard:{tmp_path}/runs", "--track", f"mlflow:{uri}"]
    ended = worker(programs, study, "--concurrency", "2", *tracked, seconds=0.2)
    assert ended.wait(120) == 0
    assert curves(tmp_path / "runs", study) == reported(client, study)
    kept = mlflow.MlflowClient(uri)
    experiment = kept.get_experiment_by_name(study.name)
    runs = kept.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["lrtune.trial"] for run in runs) == ["0", "1", "2"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert experiment.tags["lrtune.suggestion"] == study.suggestion().explanation


def test_a_trial_whose_worker_is_killed_goes_on_as_the_same_run_of_the_next(
    programs: Programs, client: Client, study: StudyHandle, tmp_path: Path
) -> None:
    track = ["--track", f"tensorboard:{tmp_path}/runs"]
    first = worker(programs, study, *track, seconds=0.4)
    wait_until(lambda: len(curves(tmp_path / "runs", study).get(0, ())) >= 2)
    os.kill(first.pid, 9)
    assert worker(programs, study, *track).wait(60) == 0
    assert curves(tmp_path / "runs", study) == reported(client, study)
    assert client.trial(study.name, 0).attempt == 2


def test_mirrors_follow_a_study_and_two_of_them_write_it_once(
    programs: Programs, client: Client, study: StudyHandle, tmp_path: Path
) -> None:
    to = f"tensorboard:{tmp_path}/runs"
    both = [mirror(programs, study, to), mirror(programs, study, to)]
    ended = worker(programs, study, seconds=0.2)
    wait_until(lambda: 0 < len(curves(tmp_path / "runs", study).get(0, ())) < 5)  # It is seen while it trains.
    assert ended.wait(60) == 0
    assert [one.wait(60) for one in both] == [0, 0]
    assert curves(tmp_path / "runs", study) == reported(client, study)
    assert both[0].stdout == f"study {study.name}: 3 ended trials are in tensorboard at {tmp_path}/runs\n"


def test_a_mirror_takes_in_what_was_trained_before_and_again_writes_nothing(
    programs: Programs, client: Client, study: StudyHandle, tmp_path: Path
) -> None:
    assert worker(programs, study).wait(60) == 0
    assert mirror(programs, study, f"tensorboard:{tmp_path}/runs", "--once").wait(60) == 0
    before = {one: one.read_bytes() for one in (tmp_path / "runs").rglob("*") if one.is_file()}
    assert mirror(programs, study, f"tensorboard:{tmp_path}/runs").wait(60) == 0
    assert {one: one.read_bytes() for one in (tmp_path / "runs").rglob("*") if one.is_file()} == before
    assert curves(tmp_path / "runs", study) == reported(client, study)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("aim:here", "'aim:here' names no tracker: write mlflow:URI, tensorboard:FOLDER or wandb:PROJECT"),
        ("mlflow:nonsense://x", "give http://… of a server, or sqlite:///… of a file"),
    ],
)
def test_a_tracker_that_there_is_not_is_one_line(programs: Programs, study: StudyHandle, to: str, said: str) -> None:
    if to.startswith("mlflow"):
        pytest.importorskip("mlflow", reason="needs lrtune[mlflow]: make frameworks")
    for ended in (mirror(programs, study, to), worker(programs, study, "--track", to)):
        assert ended.wait(60) == 1
        (line,) = ended.stderr.splitlines()
        assert said in line
    assert study.list() == []


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_tracker_that_is_not_installed_is_named_with_its_extra(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None\nfrom lrtune.service.cli.main import main\nmain()"
    command = [sys.executable, "-c", code, "study", "mirror", "s", "--to", name]
    ended = subprocess.run(command, env=environ(PYTHONPATH=str(ROOT)), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.endswith(f": pip install 'lrtune[{name}]'")


def test_a_callback_of_a_framework_is_mirrored_without_a_word_of_it(client: Client, tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs lrtune[lightgbm]: make frameworks")
    from sklearn.datasets import load_diabetes

    from lrtune.lightgbm import TrialCallback
    from lrtune.tensorboard import Tracker

    handle = client.create_study("tracked-lightgbm", max_trials=1, max_steps=10, pruner="none")
    data = lightgbm.Dataset(*load_diabetes(return_X_y=True))
    with handle.tracking(Tracker(tmp_path / "runs")), next(handle.leases()) as trial:
        params = {"learning_rate": trial.params["learning_rate"], "metric": "l2", "verbosity": -1}
        lightgbm.train(params, data, 10, valid_sets=[data], callbacks=[TrialCallback(trial)])
    assert curves(tmp_path / "runs", handle) == reported(client, handle)


def wait_until(seen: Any) -> None:
    deadline = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.05)
