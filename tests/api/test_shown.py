"""What Optuna's dashboard and its gRPC scripts are shown of studies that lrtune made."""

from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import text
from starlette.testclient import TestClient

from lrtune.service.api.optuna.shown import ShownStorage
from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving

PLAIN = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 5, "prior": "none"}
BUG = 'Traceback (most recent call last):\n  File "/tmp/a.py", line 7, in train\nRuntimeError: no GPU\n'


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('shown')}/lrtune.db"


@pytest.fixture(scope="module")
def study(url: str) -> Iterator[StudyCalls]:
    """A trial that is complete, one that diverged, one that failed."""
    with serving(url) as client:
        study = create(client, **PLAIN, metric="val_loss")
        done = study.lease(worker="a:1")
        study.verdict(done, (5, 0.25))
        study.finish(done)
        lost = study.lease(worker="b:2")
        study.verdict(lost, (1, 2.0), (2, "nan"))
        study.finish(lost, "diverged")
        study.finish(study.lease(worker="c:3"), "failed", error=BUG)
        yield study


def shown(client: TestClient, name: str) -> dict[str, Any]:
    listed = client.get("/api/studies").json()["study_summaries"]
    (found,) = [one["study_id"] for one in listed if one["study_name"] == name]
    detail: dict[str, Any] = client.get(f"/api/studies/{found}").json()
    return detail


def attributes(shown: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in shown["user_attrs"]}


def test_the_dashboard_says_who_trained_a_trial_and_what_became_of_it(study: StudyCalls) -> None:
    done, diverged, failed = (attributes(trial) for trial in shown(study.client, study.name)["trials"])
    assert done == {"worker": "a:1"}
    assert (diverged["worker"], diverged["outcome"]) == ("b:2", "diverged")
    assert "nan" in diverged["explanation"]
    assert failed == {"worker": "c:3", "error": "RuntimeError: no GPU"}


def test_the_dashboard_calls_the_metric_by_its_name_and_says_what_is_suggested(study: StudyCalls) -> None:
    detail = shown(study.client, study.name)
    assert detail["objective_names"] == ["val_loss"]
    told, suggestion = attributes(detail), study.client.get(f"/v1/studies/{study.name}/suggestion").json()
    assert float(told["suggested learning rate"]) == pytest.approx(suggestion["learning_rate"], rel=0.01)
    assert told["suggestion"] == suggestion["explanation"]


def test_nothing_of_it_is_written(study: StudyCalls, url: str) -> None:
    shown(study.client, study.name)
    storage = RDBStorage(url)
    try:
        with storage.engine.connect() as connection:
            for table in ("trial_user_attributes", "study_user_attributes"):
                assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
        assert optuna.load_study(study_name=study.name, storage=storage).metric_names == ["val_loss"]
    finally:
        storage.engine.dispose()


def test_an_attribute_that_somebody_set_is_shown_as_it_is(study: StudyCalls) -> None:
    storage = ShownStorage(study.client.app.state.container.engine)  # type: ignore[attr-defined]
    study_id = storage.get_study_id_from_name(study.name)
    trial = study.lease(worker="d:4")["number"]
    trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial)
    assert storage.get_trial(trial_id).user_attrs == {"worker": "d:4"}
    storage.set_trial_user_attr(trial_id, "worker", "mine")
    assert storage.get_trial(trial_id).user_attrs == {"worker": "mine"}
    assert storage.get_all_trials(study_id)[trial].user_attrs == {"worker": "mine"}
