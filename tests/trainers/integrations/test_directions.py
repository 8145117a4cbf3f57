"""A study that looks for the worse values of its metric says so."""

import warnings
from typing import Any

import pytest

from lrtune import Client, InvalidReport, LeasedTrial, LrtuneWarning
from lrtune.trainers.integrations.directions import require_direction, warn_of_direction
from lrtune.trainers.integrations.rounds import Rounds
from tests.fake_service import STUDY, FakeService


def lease(client: Client, service: FakeService, direction: str, monkeypatch: pytest.MonkeyPatch) -> LeasedTrial:
    monkeypatch.setitem(STUDY, "direction", direction)
    return next(client.study("s").leases())


@pytest.mark.parametrize(
    ("direction", "metric", "wanted"),
    [
        ("minimize", "val_accuracy", "maximize"),
        ("minimize", "val/auc", "maximize"),
        ("minimize", "eval_f1", "maximize"),
        ("maximize", "val_loss", "minimize"),
        ("maximize", "rmse", "minimize"),
        ("maximize", "val_accuracy", None),
        ("minimize", "val_loss", None),
        ("minimize", "accuracy_loss", None),
        ("minimize", "mapped", None),
        ("minimize", "something", None),
    ],
)
def test_a_metric_whose_name_says_otherwise_is_warned_of(
    client: Client,
    service: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    direction: str,
    metric: str,
    wanted: str | None,
) -> None:
    trial = lease(client, service, direction, monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_direction(trial, metric)
    told = [str(one.message) for one in caught if one.category is LrtuneWarning]
    assert [text.partition("create_study")[2] for text in told] == (
        [] if wanted is None else [f'(…, direction="{wanted}", metric="{metric}")']
    )


def test_what_a_framework_knows_is_required(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = lease(client, service, "minimize", monkeypatch)
    require_direction(trial, "l2", larger_is_better=False)
    with pytest.raises(InvalidReport, match="auc is better when it is larger, and the study is to minimize it"):
        require_direction(trial, "auc", larger_is_better=True)


def test_boosting_is_refused_in_its_first_round(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lease(client, service, "minimize", monkeypatch) as trial:
        rounds = Rounds(trial, None, None, None, remedy="")
        rounds.begin()
        with pytest.raises(InvalidReport, match="auc is better when it is larger"):
            rounds.measured(1, {("valid", "auc"): 0.7}, last=False, larger_is_better={"auc": True})
        trial.complete(1.0)
    assert service.bodies("/reports") == []


@pytest.mark.parametrize("given", [3, None, "trial", {"learning_rate": 0.1}])
def test_a_callback_that_is_given_no_trial_says_what_it_takes(given: Any) -> None:
    with pytest.raises(TypeError, match=r"^TrialCallback takes a trial on lease, as in `for trial in study.leases\(\)"):
        Rounds(given, None, None, None, remedy="")
