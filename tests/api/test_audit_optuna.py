"""What is done past the HTTP API, with Optuna's dashboard and by its scripts, is kept as the rest is."""

import logging
from collections.abc import Iterator
from socket import gethostname
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, GrpcStorageProxy
from optuna.trial import TrialState
from starlette.testclient import TestClient

from lrtune.service.api.optuna.letting_in import address_of
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.storage import OptunaStorage, open_storage
from tests.api.calls import Json
from tests.api.test_audit import read
from tests.api.test_tokens import bearer, made
from tests.support import migrated


@pytest.fixture
def served(tmp_path: object) -> Iterator[TestClient]:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    migrated.make(storage)
    with TestClient(create_app(Settings(storage=storage, optuna_port=0, dashboard=True))) as client:
        yield client


@pytest.fixture
def over_grpc(served: TestClient) -> Iterator[GrpcStorageProxy]:
    host, _, port = served.app.state.optuna_address.rpartition(":")  # type: ignore[attr-defined]
    storage = GrpcStorageProxy(host=host, port=int(port))
    yield storage
    storage.close()


def first_to_last(client: TestClient, by: Json | None = None, **query: Any) -> list[Json]:
    return list(reversed(read(client, by, **query)))


def use(storage: BaseStorage) -> None:
    """What a script does: it makes a study, adds trials of its own, trains, takes notes."""
    study = optuna.create_study(storage=storage, study_name="script", sampler=optuna.samplers.QMCSampler(seed=0))
    study.set_user_attr("team", "vision")
    study.set_user_attr("team", "vision")
    study.set_metric_names(["loss"])
    study.enqueue_trial({"x": 0.5})
    space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    study.add_trial(optuna.create_trial(params={"x": 0.25}, distributions=space, value=float("inf")))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    optuna.delete_study(study_name="script", storage=storage)


OF_THE_SCRIPT = [
    *("study.create", "study.change", "study.change", "trial.enqueue", "trial.record", "study.delete"),
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_a_script_does_over_grpc_is_kept_but_for_what_its_trials_and_its_sampler_write(
    served: TestClient, over_grpc: GrpcStorageProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lrtune")
    use(over_grpc)
    found = first_to_last(served)
    assert [entry["action"] for entry in found] == OF_THE_SCRIPT
    for entry in found:
        assert (entry["actor"], entry["via"], entry["subject"]) == ("anyone", "grpc", "script")
        assert entry["address"] in ("127.0.0.1", "::1")
    created, tagged, named, enqueued, recorded, deleted = found
    assert created["after"] == {"directions": ["minimize"]}
    assert (tagged["before"], tagged["after"]) == ({"user_attrs": {}}, {"user_attrs": {"team": "vision"}})
    assert named["after"] == {"system_attrs": {"study:metric_names": ["loss"]}}
    assert enqueued["after"] == {"trial": 0, "params": {"x": 0.5}}
    assert (recorded["after"]["values"], recorded["after"]["state"]) == (["inf"], "complete")
    assert deleted["before"]["trials"] == {"complete": 4}
    told = [vars(line) for line in caplog.records if line.name.startswith("lrtune") and hasattr(line, "actor")]
    assert [line["message"] for line in told] == [
        *("study created", "study changed", "study changed", "trial enqueued", "trial recorded", "study deleted")
    ]
    assert {line["via"] for line in told} == {"grpc"}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_a_script_does_in_its_own_process_is_kept_as_its_users(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    storage = open_storage(migrated_url)
    use(storage)
    storage.close()
    with TestClient(create_app(Settings(storage=migrated_url, dashboard=True))) as client:
        found = first_to_last(client)
    assert [entry["action"] for entry in found] == OF_THE_SCRIPT
    assert {(entry["actor"], entry["via"], entry["address"]) for entry in found} == {
        (f"anna@{gethostname()}", "command", None)
    }


def test_what_is_done_in_the_dashboard_is_kept_as_done_by_whoever_is_there(served: TestClient) -> None:
    body = {"study_name": "shown", "directions": ["minimize"]}
    assert served.post("/api/studies", json=body).status_code == 201
    engine = served.app.state.container.engine  # type: ignore[attr-defined]
    study_id = engine.study_names()["shown"]
    assert served.put(f"/api/studies/{study_id}/note", json={"version": 1, "body": "hello"}).status_code == 204
    trial_id = engine_trial(served, study_id)
    assert served.post(f"/api/trials/{trial_id}/user-attrs", json={"user_attrs": {"seen": True}}).status_code == 204
    told = {"state": "Complete", "values": [0.5]}
    assert served.post(f"/api/trials/{trial_id}/tell", json=told).status_code == 204
    assert served.post(f"/api/studies/{study_id}/rename", json={"study_name": "other"}).status_code == 201
    found = first_to_last(served)
    assert {(entry["actor"], entry["via"], entry["address"]) for entry in found} == {
        ("anyone", "dashboard", "testclient")
    }
    created, noted, marked, ended, *renamed = found
    assert (created["action"], created["subject"]) == ("study.create", "shown")
    assert noted["after"] == {"system_attrs": {"dashboard:note_str:0": "hello"}}
    assert (marked["action"], marked["after"]) == ("trial.change", {"trial": 0, "user_attrs": {"seen": True}})
    assert (ended["before"]["state"], ended["after"]["state"], ended["after"]["values"]) == (
        "running",
        "complete",
        [0.5],
    )
    shown = [(entry["action"], entry["subject"]) for entry in renamed]
    assert (shown[0], shown[-1]) == (("study.create", "other"), ("study.delete", "shown"))
    assert {action for action, _ in shown[1:-1]} <= {"study.change"}


def engine_trial(client: TestClient, study_id: int) -> int:
    """A trial that runs, as a script's does."""
    storage = OptunaStorage(client.app.state.container.engine)  # type: ignore[attr-defined]
    trial_id = storage.create_new_trial(study_id)
    assert storage.get_trial(trial_id).state is TrialState.RUNNING
    return trial_id


def test_in_the_dashboard_a_deed_is_that_of_the_token(served: TestClient) -> None:
    anna = made(served, role="admin", name="anna")
    body = {"study_name": "shown", "directions": ["minimize"]}
    assert served.post("/api/studies", json=body, headers=bearer(anna)).status_code == 201
    (entry,) = read(served, anna, study="shown")
    assert (entry["actor"], entry["token"], entry["via"]) == ("anna", anna["id"], "dashboard")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:4242", "10.0.0.7"),
        ("ipv6:[::1]:4242", "::1"),
        ("ipv6:%5B::1%5D:4242", "::1"),
        ("unix:/run/lrtune", None),
        ("", None),
    ],
)
def test_the_address_of_a_grpc_peer_is_told_as_http_tells_it(peer: str, address: str | None) -> None:
    assert address_of(peer) == address
