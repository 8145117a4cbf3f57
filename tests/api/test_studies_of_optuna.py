"""A study that Optuna made, beside a running service: what names it says how to take it over."""

import sys
from collections.abc import Iterator

import optuna
import pytest
from starlette.testclient import TestClient

from lrtune.service.cli.main import main
from lrtune.service.storage.adopt.adopt import Wanted, adopt
from tests.api.conftest import serving
from tests.support.at_port import at_port

NAME = "made-by-optuna"
ADOPT = "lrtune db adopt --storage DATABASE"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('optuna')}/lrtune.db"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(study_name=NAME, storage=storage)
    study.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 1.0, log=True), n_trials=3)
    storage.remove_session()
    storage.engine.dispose()
    return url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[TestClient]:
    with serving(url) as client:
        yield client


def test_its_suggestion_is_not_found_and_says_what_to_type(client: TestClient) -> None:
    answer = client.get(f"/v1/studies/{NAME}/suggestion")
    assert answer.status_code == 404
    assert f"study '{NAME}' is one that Optuna made" in answer.json()["detail"]
    assert ADOPT in answer.json()["detail"]
    assert ADOPT not in client.get("/v1/studies/no-such-study/suggestion").json()["detail"]


def test_lrtune_suggest_says_it_in_one_line(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with at_port(client) as address:
        monkeypatch.setenv("LRTUNE_SERVER", address)
        monkeypatch.setattr(sys, "argv", ["lrtune", "suggest", NAME])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert ADOPT in line


@pytest.mark.parametrize("if_exists", ["fail", "load"])
def test_its_name_is_taken_and_the_refusal_says_what_to_type(client: TestClient, if_exists: str) -> None:
    answer = client.post("/v1/studies", json={"name": NAME, "if_exists": if_exists})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("study-exists")
    assert f"study '{NAME}' exists, and is one that Optuna made" in answer.json()["detail"]
    assert ADOPT in answer.json()["detail"]


def test_what_is_typed_then_makes_a_study_of_lrtune_of_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('adopted')}/lrtune.db"
    study = optuna.create_study(study_name=NAME, storage=url)
    study.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 1.0, log=True), n_trials=3)
    with serving(url) as client:
        assert client.get(f"/v1/studies/{NAME}/suggestion").status_code == 404
    adopt(url, Wanted(), 2e9)
    with serving(url) as client:
        assert client.get(f"/v1/studies/{NAME}/suggestion").json()["learning_rate"] > 0
        body = {
            "name": NAME,
            "if_exists": "load",
            "search_space": client.get(f"/v1/studies/{NAME}").json()["search_space"],
        }
        assert client.post("/v1/studies", json=body).status_code == 200
