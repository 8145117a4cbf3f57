"""What W&B keeps of trials offline, by what is in its files."""

import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from lrtune import LrtuneError
from lrtune.trainers.tracking.tracker import Ending
from tests.docs.pages import ROOT
from tests.trainers.integrations.trackers.examples import SUGGESTION, trial, write

wandb = pytest.importorskip("wandb", reason="needs lrtune[wandb]: make frameworks")

from lrtune.wandb import Tracker  # noqa: E402
from tests.trainers.integrations.trackers.offline import records  # noqa: E402

WRITER = """
import time
from lrtune.trainers.tracking.runs import Runs
from lrtune.wandb import Tracker
from tests.trainers.integrations.trackers.examples import points, trial
runs = Runs(Tracker())
runs.add(trial(), points({1: 0.5}))
print("written", flush=True)
time.sleep(60)
"""


def runs(folder: Path) -> dict[str, list[Any]]:
    """The records of each run, by its id, in the order in which they were written."""
    found: dict[str, list[Any]] = defaultdict(list)
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda one: one.stat().st_mtime_ns):
        found[file.stem.removeprefix("run-")] += records(file)
    return found


def curve(kept: list[Any], metric: str = "val_loss") -> list[tuple[int, float]]:
    shown = []
    for record in kept:
        if record.WhichOneof("record_type") == "history":
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            if metric in items:
                shown.append((items["step"], float(items[metric])))
    return shown


def summary(kept: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in kept:
        if record.WhichOneof("record_type") == "summary":
            found |= {item.key: json.loads(item.value_json) for item in record.summary.update}
    return found


def test_a_trial_is_an_offline_run_in_the_group_of_its_study(tmp_path: Path) -> None:
    write(Tracker(), trial(7), {1: 0.5, 2: 0.3}, Ending("complete", 0.25))
    ((run_id, kept),) = runs(tmp_path).items()
    (begun,) = [record.run for record in kept if record.WhichOneof("record_type") == "run"]
    assert run_id == begun.run_id == trial(7).key
    assert (begun.project, begun.run_group, begun.display_name, begun.job_type) == ("s", "s", "trial 7", "trial")
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert {name: config[name] for name in ("learning_rate", "optimizer", "layers")} == dict(trial().params)
    assert config["lrtune"]["lrtune.worker"] == "host:1"
    assert config["lrtune"]["family"] == "cnn"
    assert curve(kept) == [(1, 0.5), (2, 0.3)]
    assert {"final_val_loss": 0.25, "state": "complete"}.items() <= summary(kept).items()
    (ended,) = [record.exit for record in kept if record.WhichOneof("record_type") == "exit"]
    assert ended.exit_code == 0


def test_a_failed_trial_ends_with_its_error(tmp_path: Path) -> None:
    write(Tracker(), trial(), {}, Ending("failed", error="ValueError: no"))
    (kept,) = runs(tmp_path).values()
    assert {"state": "failed", "error": "ValueError: no"}.items() <= summary(kept).items()
    assert [record.exit.exit_code for record in kept if record.WhichOneof("record_type") == "exit"] == [1]


def test_a_trial_that_goes_on_is_the_same_run_and_nothing_is_there_twice(tmp_path: Path) -> None:
    write(Tracker(), trial(), {1: 0.5, 2: 0.4}, None)
    write(Tracker(), trial(attempt=2), {2: 0.4, 3: math.nan}, resumed_at=1)
    write(Tracker(), trial(), {1: 0.5, 2: 0.4, 3: math.nan}, Ending("diverged"))
    before = sorted(tmp_path.rglob("*"))
    write(Tracker(), trial(), {1: 0.5, 2: 0.4, 3: math.nan}, Ending("diverged"))
    assert sorted(tmp_path.rglob("*")) == before
    (kept,) = runs(tmp_path).values()
    steps = [step for step, _ in curve(kept)]
    assert steps == [1, 2, 3]
    assert math.isnan(curve(kept)[-1][1])


def test_a_process_that_was_killed_leaves_what_it_wrote(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    environment.pop("WANDB_SERVICE", None)  # That of this process, which would outlive the other.
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.kill()
    notes = next(tmp_path.glob("wandb/lrtune/*.jsonl"))
    notes.write_text(notes.read_text() + '{"points": [[2')
    write(Tracker(), trial(), {1: 0.5, 2: 0.4}, Ending("complete", 0.4))
    written = [point for kept in runs(tmp_path).values() for point in curve(kept)]
    assert [step for step, _ in written if step == 2] == [2]
    assert summary(next(iter(runs(tmp_path).values())))["state"] == "complete"


def test_a_metric_that_is_called_step_does_not_hide_the_steps(tmp_path: Path) -> None:
    write(Tracker(), trial(metric="step"), {3: 0.5}, Ending("complete", 0.5))
    (kept,) = runs(tmp_path).values()
    (history,) = [record.history for record in kept if record.WhichOneof("record_type") == "history"]
    items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in history.item}
    assert {"trial_step": 3, "step": 0.5}.items() <= items.items()


def test_a_project_and_a_folder_may_be_named(tmp_path: Path) -> None:
    tracker = Tracker("team/rates:2026", folder=tmp_path / "elsewhere")
    write(tracker, trial(), {1: 0.5}, Ending("complete", 0.5))
    tracker.suggested(trial().study, SUGGESTION)
    (kept,) = runs(tmp_path / "elsewhere").values()
    (begun,) = [record.run for record in kept if record.WhichOneof("record_type") == "run"]
    assert (begun.entity, begun.project) == ("team", "rates_2026")
    assert list(tmp_path.iterdir()) == [tmp_path / "elsewhere"]


def test_the_project_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    assert Tracker().place == "mine"


@pytest.mark.parametrize("mode", ["disabled", "onlne"])
def test_another_mode_is_refused_with_those_there_are(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LrtuneError, match=f"mode must be 'online' or 'offline', not '{mode}'"):
        Tracker(mode=mode)  # type: ignore[arg-type]
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(LrtuneError, match="or set WANDB_MODE"):
        Tracker()


def test_online_without_a_login_is_refused_and_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(LrtuneError, match="run `wandb login` first"):
        Tracker(mode="online")
