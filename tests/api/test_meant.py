"""A name that is none: the answer says which was meant."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, assert_problem
from tests.api.secured import Secured, bearer, served

RATE = {"type": "float", "low": 1e-4, "high": 1.0, "log": True}


def first(client: TestClient, spec: Json) -> Json:
    found = assert_problem(client.post("/v1/studies", json={"name": "meant", **spec}), 422, "invalid-body")
    error: Json = found["errors"][0]
    return {".".join(error["loc"]): error["msg"]}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("flaot", "float"), ("integer", "int"), ("uniform", "float"), ("loguniform", "float"), ("choice", "categorical")],
)
def test_a_type_of_a_parameter(client: TestClient, typed: str, meant: str) -> None:
    assert first(client, {"search_space": {"lr": {**RATE, "type": typed}}}) == {
        "search_space.lr.type": f"there is no type {typed!r}; did you mean {meant!r}? use one of float, int"
        ", categorical"
    }


@pytest.mark.parametrize(
    ("parameter", "typed", "meant"),
    [
        ({"type": "float", "low": 0.1, "high": 1.0}, "min", "low"),
        ({"type": "float", "low": 0.1, "high": 1.0}, "max", "high"),
        ({"type": "float", "low": 0.1, "high": 1.0}, "log_scale", "log"),
        ({"type": "int", "low": 1, "high": 9}, "hgih", "high"),
        ({"type": "categorical", "choices": [1]}, "values", "choices"),
        ({"type": "categorical", "choices": [1]}, "min", None),
    ],
)
def test_a_key_of_a_parameter(client: TestClient, parameter: Json, typed: str, meant: str | None) -> None:
    told = "check its spelling" if meant is None else f"did you mean {meant!r}?"
    assert first(client, {"search_space": {"x": {**parameter, typed: 1}}}) == {
        f"search_space.x.{typed}": f"there is no such field; {told}"
    }


@pytest.mark.parametrize(
    ("spec", "where", "told"),
    [
        (
            {"sampler": {"name": "tpee"}},
            "sampler.name",
            "there is no sampler 'tpee'; did you mean 'tpe'?",
        ),
        (
            {"pruner": {"name": "medain"}},
            "pruner.name",
            "there is no pruner 'medain'; did you mean 'median'?",
        ),
        ({"sampler": {"name": "tpe", "n_startup": 1}}, "sampler.n_startup", "did you mean 'n_startup_trials'?"),
        ({"n_trials": 10}, "n_trials", "there is no such field; did you mean 'max_trials'?"),
        ({"max_trails": 10}, "max_trails", "there is no such field; did you mean 'max_trials'?"),
        ({"direction": "minimise"}, "direction", "did you mean 'minimize'?"),
        ({"direction": "max"}, "direction", "did you mean 'maximize'?"),
        ({"if_exists": "laod"}, "if_exists", "did you mean 'load'?"),
    ],
)
def test_a_method_a_field_and_a_choice(client: TestClient, spec: Json, where: str, told: str) -> None:
    ((place, message),) = first(client, spec).items()
    assert place == where
    assert told in message


def test_no_answer_quotes_what_was_sent_without_end(client: TestClient) -> None:
    found = first(client, {"search_space": {"lr": {**RATE, "type": "flaot" * 100_000}}})
    assert len(str(found)) < 2_000


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder: Path = tmp_path_factory.mktemp("meant")
    with served(f"sqlite:///{folder}/lrtune.db") as service:
        for name in ("cifar-10", "cifar-100", "secret-plan", *(f"other-{number}" for number in range(300))):
            service.create(name)
        yield service


def told(secured: Secured, name: str, by: Json) -> str:
    return str(secured("GET", f"/v1/studies/{name}/status", by=by)["detail"])


def test_a_study(secured: Secured) -> None:
    assert told(secured, "cifar-11", secured.admin).startswith(
        "there is no study 'cifar-11'; did you mean 'cifar-10'? create it"
    ) or "did you mean 'cifar-100'?" in told(secured, "cifar-11", secured.admin)
    assert "did you mean 'cifar-100'?" in told(secured, "cifer-100", secured.admin)
    assert "did you mean" not in told(secured, "zzz", secured.admin)


def test_a_study_that_one_may_not_see_is_never_meant(secured: Secured) -> None:
    body = {"role": "viewer", "scopes": ["secret-planx", "cifar-*"]}
    viewer = secured.client.post("/v1/tokens", json=body, headers=bearer(secured.admin)).json()
    assert "did you mean 'secret-plan'?" in told(secured, "secret-planx", secured.admin)
    assert "did you mean" not in told(secured, "secret-planx", viewer)
    assert "did you mean 'cifar-10'?" in told(secured, "cifar-1", viewer)
