"""What MLflow keeps of trials, read by its own client from a database in a file."""

import logging
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lrtune import Client, LrtuneError
from lrtune.trainers.tracking.lock import WrittenElsewhere
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Ending, Point
from tests.docs.pages import ROOT
from tests.fake_service import FakeService
from tests.trainers.integrations.trackers.examples import BEGAN, SUGGESTION, trial, write

mlflow = pytest.importorskip("mlflow", reason="needs lrtune[mlflow]: make frameworks")

from lrtune.mlflow import Tracker  # noqa: E402


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all of them: to make one takes a second."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def study(request: pytest.FixtureRequest) -> str:
    """A study of the test's own."""
    return str(request.node.name)[:80]


def runs(uri: str, experiment: str) -> list[Any]:
    client = mlflow.MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["tags.`lrtune.trial`"]))


def curve(uri: str, run: Any, metric: str = "val_loss") -> list[tuple[int, float]]:
    history = mlflow.MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return [(one.step, one.value) for one in sorted(history, key=lambda one: (one.step, one.timestamp))]


def test_a_trial_is_a_run_of_the_study_s_experiment(uri: str, study: str) -> None:
    ending = Ending("complete", 0.25, finished_at=BEGAN.timestamp() + 60)
    write(Tracker(uri), trial(7, study=study), {1: 0.5, 2: 0.3}, ending)
    (run,) = runs(uri, study)
    assert run.info.run_name == "trial 7"
    assert run.info.status == "FINISHED"
    assert run.info.start_time == BEGAN.timestamp() * 1000
    assert run.info.end_time == (BEGAN.timestamp() + 60) * 1000
    assert run.data.params == {"learning_rate": "0.0031", "optimizer": "adamw", "layers": "3"}
    assert run.data.metrics == {"val_loss": 0.3, "final_val_loss": 0.25}
    assert curve(uri, run) == [(1, 0.5), (2, 0.3)]
    tags = {name: value for name, value in run.data.tags.items() if name.startswith("lrtune.")}
    assert tags.pop("lrtune.key")
    assert tags == {
        "lrtune.study": study,
        "lrtune.trial": "7",
        "lrtune.attempt": "1",
        "lrtune.worker": "host:1",
        "lrtune.max_steps": "5",
        "lrtune.state": "complete",
    }
    assert run.data.tags["family"] == "cnn"


@pytest.mark.parametrize(
    ("ending", "status", "told"),
    [
        (Ending("pruned", why="pruned: rank 9 of 9"), "KILLED", {"lrtune.why": "pruned: rank 9 of 9"}),
        (Ending("diverged", math.nan), "KILLED", {}),
        (Ending("failed", error="x" * 9000 + "ValueError: no"), "FAILED", {}),
        (None, "SCHEDULED", {"lrtune.state": ""}),
    ],
)
def test_a_run_ends_as_its_trial_did(
    uri: str, study: str, ending: Ending | None, status: str, told: dict[str, str]
) -> None:
    write(Tracker(uri), trial(study=study), {1: 0.5}, ending)
    (run,) = runs(uri, study)
    assert run.info.status == status
    assert told.items() <= run.data.tags.items()
    if ending is not None:
        assert run.data.tags["lrtune.state"] == ending.state
        if ending.error:
            assert run.data.tags["lrtune.error"].endswith("ValueError: no")


def test_a_trial_that_goes_on_elsewhere_is_the_same_run_and_nothing_is_there_twice(uri: str, study: str) -> None:
    of = trial(study=study)
    write(Tracker(uri), of, {1: 0.5, 2: 0.4}, None)
    write(Tracker(uri), trial(study=study, attempt=2), {2: 0.4, 3: 0.3}, resumed_at=1)
    (run,) = runs(uri, study)
    assert run.info.status == "RUNNING"
    assert curve(uri, run) == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert run.data.tags["lrtune.attempt"] == "2"
    for _ in range(2):
        write(Tracker(uri), of, {1: 0.5, 2: 0.4, 3: 0.3}, Ending("complete", 0.3))
    (run,) = runs(uri, study)
    assert curve(uri, run) == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert curve(uri, run, "final_val_loss") == [(0, 0.3)]


def test_a_step_that_is_trained_again_keeps_the_later_value_and_is_not_written_a_third_time(
    uri: str, study: str
) -> None:
    write(Tracker(uri), trial(study=study), {1: 0.5, 2: 0.4}, None)
    for _ in range(2):
        again = Runs(Tracker(uri))
        again.begin(trial(study=study, attempt=2), resumed_at=1)
        again.add(trial(study=study, attempt=2), [Point(2, 0.7, BEGAN.timestamp() - 60)])  # By a clock that is late.
        again.close()
    (run,) = runs(uri, study)
    assert curve(uri, run) == [(1, 0.5), (2, 0.4), (2, 0.7)]


def test_values_that_are_not_finite_are_kept_and_known(uri: str, study: str) -> None:
    values = {1: math.nan, 2: math.inf, 3: -math.inf}
    for _ in range(2):
        write(Tracker(uri), trial(study=study), values, Ending("diverged", math.inf))
    (run,) = runs(uri, study)
    written = curve(uri, run)
    assert math.isnan(written[0][1])
    assert written[1:] == [(2, sys.float_info.max), (3, -sys.float_info.max)]


def test_names_and_values_that_mlflow_refuses_are_fitted(uri: str) -> None:
    params = {"a*b": 1, "a?b": 2, "../up": 3, "/root": 4, "x" * 400: 5, "ünï": 6, "long": "y" * 9000, "train/lr": 7}
    write(Tracker(uri), trial(study="odd * / name", metric="loss (val) §", params=params), {1: 0.5})
    (run,) = runs(uri, "odd * / name")
    kept = run.data.params
    assert [kept[name] for name in ("a_b", "a_b_2", "___up", "_root", "x" * 210, "_n_", "train/lr")] == list("1234567")
    assert set(kept["long"]) == {"y"}
    assert run.data.metrics == {"loss _val_ _": 0.5}


def test_long_curves_are_written_in_parts(uri: str, study: str) -> None:
    values = {step: 1.0 / step for step in range(1, 2501)}
    write(Tracker(uri), trial(study=study), values)
    (run,) = runs(uri, study)
    assert curve(uri, run) == list(values.items())


def test_the_suggestion_is_a_tag_of_the_experiment(uri: str, study: str) -> None:
    of = trial(study=study).study
    Tracker(uri).suggested(of, SUGGESTION)
    Tracker(uri, experiment="shared").suggested(of, SUGGESTION)
    client = mlflow.MlflowClient(uri)
    own, shared = (client.get_experiment_by_name(name).tags for name in (study, "shared"))
    assert own["lrtune.suggestion"] == SUGGESTION.explanation
    assert own["lrtune.learning_rate"] == "0.0031"
    assert shared[f"lrtune.learning_rate.{study}"] == "0.0031"


def test_an_experiment_of_one_s_own_holds_several_studies(uri: str) -> None:
    tracker = Tracker(uri, experiment="mine")
    write(tracker, trial(study="one"), {1: 0.5})
    write(tracker, trial(study="two"), {1: 0.5})
    assert {run.data.tags["lrtune.study"] for run in runs(uri, "mine")} == {"one", "two"}


def test_an_experiment_that_was_deleted_is_told_of(uri: str, study: str) -> None:
    client = mlflow.MlflowClient(uri)
    client.delete_experiment(client.create_experiment(study))
    with pytest.raises(LrtuneError, match="was deleted in MLflow: restore it there, or name another"):
        Tracker(uri).open(trial(study=study))


def test_who_makes_the_experiment_at_the_same_moment_shares_it(uri: str, study: str) -> None:
    trackers = [Tracker(uri) for _ in range(4)]
    threads = [
        threading.Thread(target=write, args=(tracker, trial(number, study=study), {1: 0.5}))
        for number, tracker in enumerate(trackers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(runs(uri, study)) == 4


def test_two_that_write_one_trial_are_kept_apart(uri: str, study: str) -> None:
    first, second = Runs(Tracker(uri)), Runs(Tracker(uri))
    first.begin(trial(study=study))
    with pytest.raises(WrittenElsewhere):
        second.begin(trial(study=study))
    first.close()


def test_an_address_that_mlflow_does_not_take_is_refused_at_once() -> None:
    with pytest.raises(LrtuneError, match=r"MLflow cannot use 'nonsense://x': give http://… of a server, or sqlite"):
        Tracker("nonsense://x")


def test_without_an_address_it_is_the_user_s_own(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert Tracker().place == uri


def test_a_server_that_is_away_is_told_of_and_the_training_is_not_held_up(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    began = time.monotonic()
    study = client.study("s")
    with caplog.at_level(logging.WARNING, "lrtune"), study.tracking(Tracker(f"http://me:secret@127.0.0.1:{port}")):
        for leased in study.leases():
            with leased:
                leased.report(1, 0.5)
            assert leased.outcome == "complete, 0.5"
    assert time.monotonic() - began < 10
    assert f"mlflow at http://127.0.0.1:{port}: 2 reports and the end of 2 trials could not be written" in caplog.text
    assert "nothing answers there: Connection refused" in caplog.text
    assert f"`lrtune study mirror s --to mlflow:http://127.0.0.1:{port}`" in caplog.text
    assert "secret" not in caplog.text


def test_a_server_that_takes_its_time_is_waited_for_no_longer_than_agreed(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    study = client.study("s")
    with silent() as address:
        began = time.monotonic()
        with study.tracking(Tracker(address), flush_seconds=0.5), next(study.leases()) as leased:
            leased.report(1, 0.5)
        assert time.monotonic() - began < 5
    assert "(no answer within 0.5 s)" in caplog.text


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(("first", "off"), [("", True), ("import mlflow", False)])
def test_what_mlflow_tells_its_makers_and_prints_is_off_unless_the_script_imports_it_itself(
    first: str, off: bool
) -> None:
    code = (
        f"{first}\nimport lrtune.mlflow\nfrom mlflow.environment_variables import *\n"
        "print(MLFLOW_DISABLE_TELEMETRY.get(), MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get())"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    said = subprocess.check_output(
        [sys.executable, "-c", code], env={**environment, "PYTHONPATH": str(ROOT), "CI": "true"}, text=True, timeout=60
    )
    assert said.split() == [str(off), str(off)]
