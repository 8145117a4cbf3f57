import logging
import math
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest

from lrtune import Client, TaskError
from lrtune.trainers.tasks import TASKS
from tests.fake_service import FakeService

pytest.importorskip("sklearn")

from lrtune.trainers.tasks.cross_validation import CrossValidation, cross_validate, over_folds
from lrtune.trainers.tasks.loader import load_whole_task
from lrtune.trainers.tasks.splits import Splits
from lrtune.trainers.worker.loop import work
from lrtune.trainers.worker.signals import Signals

TREE = {"max_depth": 3}


def test_the_mean_and_its_standard_error_are_those_of_the_textbook() -> None:
    done = CrossValidation((0.2, 0.4, 0.3, 0.7))
    assert done.mean == pytest.approx(0.4)
    assert done.standard_error == pytest.approx(np.std(done.values, ddof=1) / math.sqrt(4))


def test_one_fold_has_no_standard_error_and_a_diverged_one_spoils_the_mean() -> None:
    assert CrossValidation((0.5,)).standard_error is None
    assert math.isnan(CrossValidation(()).mean)
    diverged = CrossValidation((0.5, math.inf))
    assert diverged.mean == math.inf
    assert diverged.standard_error is None
    assert CrossValidation((1e200, 2e200)).standard_error == pytest.approx(5e199)


@pytest.mark.parametrize("splits", [Splits(size=23), Splits(labels=np.array([0] * 11 + [1] * 12))])
def test_every_row_validates_in_one_fold_and_trains_in_the_others(splits: Splits) -> None:
    folds = [splits.rows(fold, 4) for fold in range(1, 5)]
    assert sorted(np.concatenate([valid for _, valid in folds]).tolist()) == list(range(23))
    for train, valid in folds:
        assert sorted([*train, *valid]) == list(range(23))
    again = [splits.rows(fold, 4) for fold in range(1, 5)]
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))


def test_each_fold_has_the_classes_in_like_shares() -> None:
    labels = np.array([0] * 40 + [1] * 12 + [2] * 8)
    for fold in range(1, 5):
        _, valid = Splits(labels=labels).rows(fold, 4)
        assert np.bincount(labels[valid]).tolist() == [10, 3, 2]


@pytest.mark.parametrize(
    ("fold", "folds", "message"),
    [
        (1, 1, "folds must be between 2 and 8 here, not 1"),
        (1, 9, "folds must be between 2 and 8 here, not 9"),
        (0, 4, "fold must be between 1 and 4, not 0"),
        (5, 4, "fold must be between 1 and 4, not 5"),
        (None, 4, "fold must be between 1 and 4, not None"),
        (1, None, "folds must be between 2 and 8 here, not None"),
    ],
)
def test_a_fold_that_cannot_be_is_refused(fold: int | None, folds: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Splits(labels=np.array([0] * 40 + [1] * 8)).rows(fold, folds)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_can_be_cross_validated(name: str) -> None:
    if name == "characters":
        pytest.importorskip("torch")
        params: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 256}
    else:
        params = {"learning_rate": 0.01, "n_estimators": 10} | TREE
    first, second = cross_validate(TASKS[name], params, 2, epochs=1).values
    assert first == TASKS[name].fit(params, 1, seed=1, fold=1, folds=2)
    assert first != second


def test_folds_are_reported_one_by_one_and_end_where_one_diverges() -> None:
    pytest.importorskip("torch")
    reports: list[tuple[int, float]] = []
    task = TASKS["diabetes"]
    bad = cross_validate(task, {"learning_rate": 1e4}, 3, report=lambda *report: reports.append(report))
    assert [fold for fold, _ in reports] == [1]
    assert not math.isfinite(bad.mean)


def lease(service: FakeService, name: str = "decision-tree", folds: int = 3) -> str | None:
    with Client("http://service", transport=httpx2.MockTransport(service)) as client:
        trial = next(client.study("s").leases())
        trial.params = dict(TREE)
        train = over_folds(TASKS[name], folds)
        with trial:
            train(trial)
    return trial.outcome


def test_a_worker_reports_a_fold_as_a_step_and_the_mean_with_its_standard_error() -> None:
    service = FakeService()
    outcome = lease(service)
    reports = [body["reports"][0] for body in service.bodies("/reports")]
    values = [report["value"] for report in reports]
    assert [report["step"] for report in reports] == [1, 2, 3]
    done = CrossValidation(tuple(values))
    (result,) = service.bodies("/result")
    assert (result["state"], result["value"], result["standard_error"]) == ("complete", done.mean, done.standard_error)
    assert outcome == f"complete, {done.mean:.6g} ± {done.standard_error:.2g}"


def test_a_worker_goes_on_with_the_next_fold_where_another_was_interrupted() -> None:
    whole = FakeService()
    lease(whole)
    second = whole.bodies("/reports")[1]["checkpoint"]
    assert second["step"] == 2
    service = FakeService(resume=second)
    lease(service)
    assert [body["reports"][0]["step"] for body in service.bodies("/reports")] == [3]
    assert service.bodies("/result")[0]["value"] == whole.bodies("/result")[0]["value"]


@pytest.mark.parametrize("uri", ["file:///a", "data:application/json,[1,2", "data:application/json,[0.5]"])
def test_a_checkpoint_of_something_else_means_all_folds(uri: str) -> None:
    service = FakeService(resume={"uri": uri, "step": 2})
    lease(service)
    assert len(service.bodies("/reports")) == 3


def test_a_lease_shorter_than_the_folds_trains_the_first_of_them() -> None:
    service = FakeService()  # Its leases are three steps long.
    lease(service, folds=5)
    assert len(service.bodies("/reports")) == 3


def test_what_cannot_be_cut_into_folds_is_refused() -> None:
    with pytest.raises(TaskError, match="--folds must be at least 2, not 1"):
        over_folds(TASKS["decision-tree"], 1)
    with pytest.raises(TaskError, match=r"json:dumps cannot be cut into folds: that needs a built-in task .digits"):
        load_whole_task("json:dumps")
    assert load_whole_task("lrtune.trainers.tasks.builtin.decision_tree:TASK") is TASKS["decision-tree"]


def test_folds_are_not_read_as_a_learning_curve(caplog: pytest.LogCaptureFixture) -> None:
    def fit(params: object, epochs: int, seed: int, report: object = None, *, fold: int, folds: int) -> float:
        return 10.0**fold

    rising = SimpleNamespace(fit=fit, default_epochs=1)
    service = FakeService(max_trials=1)
    with (
        caplog.at_level(logging.INFO),
        Signals() as signals,
        Client("http://service", transport=httpx2.MockTransport(service)) as client,
    ):
        work(client.study("s"), over_folds(rising, 3), signals=signals)  # type: ignore[arg-type]
    assert "trial 0: complete, 370 ± 3.2e+02" in caplog.text
    assert "too_high" not in caplog.text
