"""LightGBM and XGBoost, trained for a service on real data by `train`, `cv` and their estimators."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split

from lrtune import Client, InvalidReport, LeasedTrial, StudyHandle, TrialNotOpen
from tests.trainers.integrations.boosting.boosters import BOOSTERS, Booster

ROUNDS = 30


@pytest.fixture(params=sorted(BOOSTERS))
def booster(request: pytest.FixtureRequest) -> Booster:
    """Each of the two in turn."""
    pytest.importorskip(request.param, reason=f"needs lrtune[{request.param}]: make frameworks")
    return BOOSTERS[request.param]()


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as opened:
        yield opened


@pytest.fixture
def new_study(client: Client) -> Callable[..., StudyHandle]:
    def create(**spec: Any) -> StudyHandle:
        fields = {"max_trials": 1, "max_steps": ROUNDS, "pruner": "none", "prior": "none", **spec}
        return client.create_study(f"boosting-{uuid4().hex}", **fields)

    return create


NewStudy = Callable[..., StudyHandle]


def diabetes() -> Any:
    return train_test_split(*load_diabetes(return_X_y=True), random_state=0)


def only(study: StudyHandle) -> LeasedTrial:
    return next(iter(study.leases()))


def test_each_round_is_reported_and_the_last_is_the_value(
    booster: Booster, new_study: NewStudy, client: Client
) -> None:
    study = new_study()
    with only(study) as trial:
        losses = booster.train(diabetes(), ROUNDS, [booster.callback(trial, every=1)])
    ended = client.trial(study.name, 0)
    assert [point.step for point in ended.curve] == list(range(1, ROUNDS + 1))
    assert [point.value for point in ended.curve] == pytest.approx(losses)
    assert ended.state == "complete"
    assert ended.value == pytest.approx(losses[-1])


def test_the_rate_that_a_study_finds_is_no_worse_than_the_usual_one(booster: Booster, new_study: NewStudy) -> None:
    rates = {"learning_rate": {"type": "float", "low": 1e-3, "high": 1.0, "log": True}}
    study = new_study(max_trials=10, pruner="median", search_space=rates)
    for trial in study.leases():
        with trial:
            booster.train(diabetes(), ROUNDS, [booster.callback(trial)], rate=trial.params["learning_rate"])
    usual = booster.train(diabetes(), ROUNDS, [], rate=0.3)[-1]
    assert study.status().best.value <= usual
    assert study.suggestion().learning_rate < 1.0


def test_some_rounds_are_reported_and_always_the_last(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study()
    with only(study) as trial:
        booster.train(diabetes(), ROUNDS, [booster.callback(trial, every=8)])
    assert [point.step for point in client.trial(study.name, 0).curve] == [8, 16, 24, 30]


def test_lightgbm_reports_the_last_round_of_a_training_that_is_shorter(new_study: NewStudy, client: Client) -> None:
    pytest.importorskip("lightgbm", reason="needs lrtune[lightgbm]: make frameworks")
    booster, study = BOOSTERS["lightgbm"](), new_study()
    with only(study) as trial:
        booster.train(diabetes(), 20, [booster.callback(trial, every=8)])
    assert [point.step for point in client.trial(study.name, 0).curve] == [8, 16, 20]


def test_a_long_training_makes_twenty_reports_unless_told(
    booster: Booster, new_study: NewStudy, client: Client
) -> None:
    study = new_study(max_steps=200)
    with only(study) as trial:
        booster.train(diabetes(), 200, [booster.callback(trial)])
    assert [point.step for point in client.trial(study.name, 0).curve] == list(range(10, 201, 10))


def test_the_service_ends_a_training(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study(pruner={"name": "threshold", "upper": 1.0})
    after: list[str] = []
    with only(study) as trial:
        booster.train(diabetes(), ROUNDS, [booster.callback(trial, every=1)])
        after.append("goes on")
    assert after == []
    ended = client.trial(study.name, 0)
    assert ended.state == "pruned"
    assert [point.step for point in ended.curve] == [1]


def test_a_study_that_ends_is_noticed_between_reports(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study(max_steps=5000, lease_ttl_seconds=1)
    trained: list[float] = []

    def stop(step: int) -> None:
        if step == 1:
            study.update(stopped=True)
        trained.append(step)
        sleep_until_told(trial, step)

    with only(study) as trial:
        booster.train(diabetes(), 5000, [booster.callback(trial, every=4000), booster.each_round(stop)])
    assert 1 <= len(trained) < 100


def sleep_until_told(trial: LeasedTrial, step: int) -> None:
    """Lets the thread that renews the lease be told."""
    deadline = time.monotonic() + 10
    while step == 1 and not trial.should_stop and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("by", ["train", "fit"])
def test_the_value_is_that_of_the_round_which_early_stopping_chose(
    by: str, booster: Booster, new_study: NewStudy, client: Client
) -> None:
    study = new_study(max_steps=400)
    with only(study) as trial:
        train = booster.train if by == "train" else booster.fit
        losses = train(diabetes(), 400, [booster.callback(trial, every=7)], rate=0.5, stopping_rounds=10)
    assert len(losses) < 400
    best = int(np.argmin(losses))
    assert best == len(losses) - 11
    assert booster.best_round == best
    assert client.trial(study.name, 0).value == pytest.approx(losses[best])


def test_the_value_is_the_best_too_where_early_stopping_was_not_needed(
    booster: Booster, new_study: NewStudy, client: Client
) -> None:
    study = new_study(max_steps=20)
    with only(study) as trial:
        losses = booster.train(diabetes(), 20, [booster.callback(trial)], rate=0.5, stopping_rounds=400)
    assert len(losses) == 20
    assert min(losses) < losses[-1]
    assert client.trial(study.name, 0).value == pytest.approx(min(losses))


def test_a_value_of_the_users_goes_before(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study()
    with only(study) as trial:
        booster.train(diabetes(), ROUNDS, [booster.callback(trial)])
        trial.complete(7.0)
    assert client.trial(study.name, 0).value == 7.0


def test_of_several_metrics_one_is_named(booster: Booster, new_study: NewStudy, client: Client) -> None:
    data = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    study = new_study(direction="maximize", metric="auc")
    with only(study) as trial:
        booster.train(data, ROUNDS, [booster.callback(trial, "auc")], metrics=["auc", booster.log_loss])
    assert 0.9 < client.trial(study.name, 0).value <= 1.0


@pytest.mark.parametrize(
    ("asked", "metrics", "said"),
    [
        (None, ["auc", "error"], r"several metrics .* in round 1: tell TrialCallback which, of .*metric='auc', data="),
        ("f1", ["auc"], r"no metric='f1' was measured in round 1, only data='.*' metric='auc': name one of these$"),
    ],
)
def test_a_metric_that_is_not_clear_is_asked_for_by_name(
    asked: str | None, metrics: list[str], said: str, booster: Booster, new_study: NewStudy
) -> None:
    data = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    names = [booster.log_loss if name == "error" else name for name in metrics]
    with pytest.raises(InvalidReport, match=said), only(new_study()) as trial:
        booster.train(data, ROUNDS, [booster.callback(trial, asked)], metrics=names)


def test_cross_validation_reports_the_mean(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study()
    with only(study) as trial:
        means = booster.cross_validate(diabetes(), ROUNDS, [booster.callback(trial, data=booster.fold, every=1)])
    ended = client.trial(study.name, 0)
    assert [point.value for point in ended.curve] == pytest.approx(means)
    assert ended.value == pytest.approx(means[-1])


def test_nothing_measured_is_said_with_what_to_give(booster: Booster, new_study: NewStudy) -> None:
    said = r"no metric was measured in round 1, only nothing: give train (valid_sets|evals), or fit eval_set"
    with pytest.raises(InvalidReport, match=said), only(new_study()) as trial:
        booster.train(diabetes(), ROUNDS, [booster.callback(trial)], measure=False)


def test_a_metric_that_is_not_a_number_is_diverged(booster: Booster, new_study: NewStudy, client: Client) -> None:
    study = new_study()
    with only(study) as trial:
        booster.train(diabetes(), ROUNDS, [booster.callback(trial, "broken", every=1)], metrics=[], broken=math.nan)
    assert client.trial(study.name, 0).state == "diverged"


@pytest.mark.parametrize("again", ["the same callback", "another callback"])
def test_a_second_training_of_a_trial_is_refused(again: str, booster: Booster, new_study: NewStudy) -> None:
    said = r"step 1 of trial 0 comes after step 30, .*; train once with one TrialCallback, in a trial each"
    with pytest.raises(InvalidReport, match=said), only(new_study()) as trial:
        twice(booster, trial, same=again == "the same callback")


def twice(booster: Booster, trial: LeasedTrial, *, same: bool) -> None:
    callback = booster.callback(trial)
    booster.train(diabetes(), ROUNDS, [callback])
    booster.train(diabetes(), ROUNDS, [callback if same else booster.callback(trial)])


def test_outside_a_with_block_nothing_is_trained(booster: Booster, new_study: NewStudy) -> None:
    study = new_study()
    leases = study.leases()
    trial = next(leases)
    trained: list[int] = []
    with pytest.raises(TrialNotOpen):
        booster.train(diabetes(), ROUNDS, [booster.callback(trial), booster.each_round(trained.append)])
    assert trained in ([], [1])
    trial.release()
    with suppress(StopIteration):
        leases.close()
