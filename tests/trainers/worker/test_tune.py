"""`lrtune.tune`: a search in one call, without a service."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrtune import (
    Client,
    FloatParameter,
    LeasedTrial,
    LrtuneError,
    ServiceError,
    StudyHalted,
    TaskKeepsFailing,
    TrialStopped,
    TuneResult,
    tune,
)
from tests.embedded.conftest import engines, known_engines, wait_for_engines
from tests.end_to_end.conftest import environ

__all__ = ["known_engines"]

pytestmark = pytest.mark.usefixtures("known_engines")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lrtune.db"


def loss(trial: LeasedTrial) -> float:
    """Least at a rate of 0.01."""
    return abs(math.log10(trial.params["learning_rate"]) + 2)


def states(file: Path, name: str) -> list[str]:
    with Client(f"local:{file}") as client:
        return [trial.state for trial in client.study(name).list()]


def test_a_function_that_returns_its_loss_is_all_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LRTUNE_STORAGE", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tune(loss, max_trials=8)
    assert found.suggestion.trials == 8
    assert found.suggestion.learning_rate is not None
    assert found.best_trial is not None
    assert found.best_params == found.best_trial.params
    assert found.best_value == min(trial.value for trial in found.study.list() if trial.value is not None)
    assert len(states(tmp_path / "lrtune.db", found.study.name)) == 8


def test_a_function_may_report_and_is_stopped_by_the_study(file: Path) -> None:
    def train(trial: LeasedTrial) -> None:
        assert trial.max_steps == 4
        for step in range(1, 5):
            trial.report(step, loss(trial) / step)

    found = tune(train, max_trials=3, max_steps=4, storage=file, pruner="none", progress=False)
    assert [trial.step for trial in found.study.list()] == [4, 4, 4]


def test_a_search_space_a_direction_and_a_metric_are_passed_on(file: Path) -> None:
    def train(trial: LeasedTrial) -> float:
        return float(trial.params["depth"])

    found = tune(
        train,
        search_space={"depth": {"type": "int", "low": 1, "high": 3}, "lr": FloatParameter(low=0.1, high=1.0)},
        max_trials=12,
        direction="maximize",
        metric="accuracy",
        sampler="random",
        tags={"task": "trees"},
        storage=f"sqlite:///{file}",
        progress=False,
    )
    assert (found.study.spec.direction, found.study.spec.metric) == ("maximize", "accuracy")
    assert found.study.spec.tags == {"task": "trees"}
    assert found.best_value == 3


def test_each_call_without_a_name_is_a_search_of_its_own(file: Path) -> None:
    first, second = (tune(loss, max_trials=1, storage=file, progress=False).study.name for _ in range(2))
    assert first.startswith("loss-")
    assert first != second


def test_a_named_search_goes_on_and_grows(file: Path) -> None:
    def trained(max_trials: int) -> int:
        return len(tune(loss, name="s", max_trials=max_trials, storage=file, progress=False).study.list())

    assert trained(2) == 2
    assert trained(2) == 2
    assert trained(4) == 4
    assert trained(3) == 4


def test_the_file_is_held_until_the_result_is_gone_or_closed(file: Path) -> None:
    raised: list[TrialStopped] = []

    def train(trial: LeasedTrial) -> None:
        try:
            trial.report(1, loss(trial))
            trial.report(2, loss(trial))
        except TrialStopped as stopped:
            raised.append(stopped)  # With its frames, and all that these refer to.
            raise

    pruner = {"name": "threshold", "upper": 1e-9}
    found = tune(train, max_trials=2, max_steps=2, storage=file, pruner=pruner, progress=False)
    assert raised
    study = found.study
    assert engines() == 1
    del found
    assert len(study.list()) == 2
    del study
    wait_for_engines(0)
    with tune(loss, max_trials=1, storage=file, progress=False) as found:
        assert engines() == 1
    assert engines() == 0
    assert found.suggestion.trials == 1


def test_progress_is_a_line_a_trial_and_the_rate_at_the_end(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tune(loss, name="s", max_trials=2, storage=file)
    *trials, end = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in trials] == ["trial 0", "trial 1"]
    assert end.startswith("study s: suggested learning_rate=")
    assert end.endswith(" after 2 trials")
    assert repr(found) == f"TuneResult('s': {end.removeprefix('study s: ')})"


def test_nothing_is_said_where_nobody_wants_to_hear_it(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tune(loss, max_trials=1, storage=file, progress=False)
    assert capfd.readouterr() == ("", "")


def test_after_its_time_no_trial_is_begun(file: Path) -> None:
    def slow(trial: LeasedTrial) -> float:
        time.sleep(0.2)
        return loss(trial)

    begun = time.monotonic()
    found = tune(slow, max_trials=1000, timeout_seconds=0.5, storage=file, progress=False)
    assert time.monotonic() - begun < 20
    trials = found.study.list()
    assert 1 <= len(trials) <= 4
    assert all(trial.state == "complete" for trial in trials)


def test_two_threads_on_one_file_share_it(file: Path) -> None:
    found: list[TuneResult] = []

    def search() -> None:
        found.append(tune(loss, max_trials=5, storage=file, progress=False))

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.suggestion.trials for result in found] == [5, 5]


def test_two_threads_on_one_named_study_share_its_trials(file: Path) -> None:
    numbers: list[int] = []

    def train(trial: LeasedTrial) -> float:
        numbers.append(trial.number)
        return loss(trial)

    def search() -> None:
        tune(train, name="s", max_trials=10, storage=file, progress=False)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers) == list(range(10))


def test_a_search_inside_a_training_is_another(file: Path) -> None:
    def outer(trial: LeasedTrial) -> float:
        inner = tune(loss, max_trials=2, storage=file, progress=False)
        assert inner.best_value is not None
        return inner.best_value

    assert tune(outer, max_trials=2, storage=file, progress=False).suggestion.trials == 2
    with Client(f"local:{file}") as client:
        assert len(list(client.studies())) == 3


def test_a_search_inside_a_training_of_its_own_study_does_not_wait_for_itself(file: Path) -> None:
    def outer(trial: LeasedTrial) -> None:
        tune(loss, name="s", max_trials=2, storage=file, progress=False)

    with pytest.raises(TaskKeepsFailing, match="train called tune on study s, the one that it is trained for"):
        tune(outer, name="s", max_trials=5, storage=file, progress=False)


def fails(trial: LeasedTrial) -> float:
    raise ValueError("no GPU")


def counts_to_none(trial: LeasedTrial) -> None:
    for step in range(1, trial.max_steps + 1):  # type: ignore[operator]
        trial.report(step, 1.0)


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (fails, "the task failed 3 times in a row, the last time with ValueError: no GPU"),
        (lambda trial: None, r"trial 2 ended without a loss: call trial.report\(step, value\)"),
        (lambda trial: "0.3", "the value must be one number, not '0.3'"),
        (counts_to_none, "if it counts to trial.max_steps, give max_steps=: without, that is None"),
    ],
)
def test_a_training_that_never_works_ends_the_search_after_three(file: Path, train: Any, told: str) -> None:
    with pytest.raises(TaskKeepsFailing, match=told):
        tune(train, name="s", max_trials=50, storage=file, progress=False)
    assert states(file, "s") == ["failed"] * 3


def test_a_search_that_was_halted_goes_on_when_it_is_called_again_with_what_works(file: Path) -> None:
    def search(train: Any) -> TuneResult:
        return tune(train, name="s", max_trials=4, storage=file, progress=False)

    with pytest.raises(TaskKeepsFailing):
        search(fails)
    with pytest.raises(StudyHalted, match="The last 5 trials failed with the same error"):
        search(fails)
    assert search(loss).suggestion.trials == 4


def test_losses_of_nan_are_diverged_trials(file: Path) -> None:
    found = tune(lambda trial: math.nan, max_trials=3, storage=file, progress=False)
    assert [trial.state for trial in found.study.list()] == ["diverged"] * 3
    assert (found.best_trial, found.best_params, found.best_value) == (None, None, None)
    assert found.suggestion.learning_rate is not None


def interrupt(trial: LeasedTrial) -> float:
    raise KeyboardInterrupt


def interrupted_from_outside(trial: LeasedTrial) -> float:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
    return 1.0


@pytest.mark.parametrize("train", [interrupt, interrupted_from_outside])
def test_ctrl_c_gives_the_trial_back_and_ends_the_engine(file: Path, train: Callable[[LeasedTrial], float]) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(train, name="s", max_trials=5, storage=file, progress=False)
    assert engines() == 0
    assert states(file, "s") == ["waiting"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"search_space": [1]}, r"search_space: must map names to parameters, \{\"learning_rate\""),
        ({"search_space": {"lr": (0.1, 1)}}, r"search_space.lr: must be a parameter, as in \{.*, not \(0.1, 1\)"),
        (
            {"search_space": {"lr": {"type": "flaot"}}},
            r"lr.type: there is no type 'flaot'; did you mean 'float'\?",
        ),
        ({"search_space": {"lr": {"type": "float", "low": 1, "high": 0}}}, "search_space.lr"),
        ({"max_trials": 0}, "max_trials: must be at least 1"),
        ({"max_trials": "many"}, "max_trials: must be a whole number"),
        ({"trials": 3}, "trials: there is no such field; did you mean 'max_trials'?"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number of seconds > 0, or None, not 0"),
        ({"timeout_seconds": math.nan}, "timeout_seconds must be a number of seconds > 0, or None, not nan"),
        ({"server": "http://localhost"}, "give server or storage: a service has a storage of its own"),
        ({"storage": "postgresql://host/db"}, "names no SQLite file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(file: Path, wrong: dict[str, Any], told: str) -> None:
    def never(trial: LeasedTrial) -> float:
        raise AssertionError

    with pytest.raises((LrtuneError, ServiceError), match=told):
        tune(never, **{"storage": file, "progress": False, **wrong})
    assert engines() == 0


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(LrtuneError, match="train must be a function that takes a trial, not float: give its name"):
        tune(0.3)  # type: ignore[arg-type]


def test_a_script_needs_no_torch_and_closes_nothing(file: Path) -> None:
    code = (
        "import sys, lrtune\n"
        "train = lambda trial: trial.params['learning_rate']\n"
        "found = lrtune.tune(train, max_trials=2, storage=sys.argv[1], progress=False)\n"
        "print([name for name in ('torch', 'sklearn', 'matplotlib', 'cmaes') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(file)]
    ran = subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=60, check=True)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
    assert not Path(f"{file}-wal").exists(), "what is in the log was carried over"


def test_why_a_trial_failed_stands_in_its_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def once(trial: LeasedTrial) -> float:
        if trial.number == 0:
            raise ValueError("no GPU")
        return loss(trial)

    tune(once, max_trials=1, storage=file).close()
    assert "trial 0: failed: ValueError: no GPU; learning_rate=" in capsys.readouterr().err
