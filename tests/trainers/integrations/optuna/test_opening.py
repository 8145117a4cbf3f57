"""Making and loading studies with `lrtune.optuna`, on a service of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution

from lrtune import Client, NotFound, ServiceError
from lrtune.optuna import AutoSampler, Trial, create_study, load_study
from lrtune.trainers.errors import InvalidRequest
from tests.docs.pages import ROOT

SPACE = {"learning_rate": FloatDistribution(1e-5, 1.0, log=True)}


def objective(trial: Trial) -> float:
    return abs(trial.suggest_float("learning_rate", 1e-5, 1.0, log=True) - 0.01)


def test_a_study_is_shared_by_those_who_create_and_load_it(address: str) -> None:
    wanted: dict[str, Any] = {"search_space": SPACE, "study_name": "shared", "max_trials": 4, "sampler": "random"}
    with create_study(storage=address, **wanted) as one:
        one.optimize(objective, n_trials=1)
        for kind in (optuna.exceptions.DuplicatedStudyError, ServiceError):
            with pytest.raises(kind, match=r"^study 'shared' exists: give load_if_exists=True to go on") as told:
                create_study(storage=address, **wanted)
            assert told.value.__context__ is None
        with create_study(storage=address, load_if_exists=True, **wanted) as other:
            other.optimize(objective, n_trials=1)
        with load_study(study_name="shared", storage=address) as third:
            third.optimize(objective)
        assert len(one.trials) == 4
        assert one.handle.spec.sampler.name == "random"


@pytest.mark.parametrize("direction", ["maximize", optuna.study.StudyDirection.MAXIMIZE])
def test_a_study_without_a_name_gets_one_and_the_best_is_by_its_direction(address: str, direction: Any) -> None:
    with create_study(search_space=SPACE, storage=address, direction=direction, pruner="none") as study:
        study.optimize(objective, n_trials=3)
        assert study.study_name.startswith("no-name-")
        assert study.direction is optuna.study.StudyDirection.MAXIMIZE
        assert study.best_value == max(trial.value or 0 for trial in study.trials)


def test_a_list_of_one_direction_is_that_direction(address: str) -> None:
    with create_study(search_space=SPACE, storage=address, directions=["maximize"]) as study:
        assert study.direction is optuna.study.StudyDirection.MAXIMIZE


def test_a_client_that_was_given_is_left_open(address: str) -> None:
    with Client(address) as client:
        create_study(search_space=SPACE, study_name="given", storage=client).close()
        assert client.study("given").name == "given"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("storage", optuna.storages.InMemoryStorage()),
        ("sampler", AutoSampler(seed=0)),
        ("pruner", optuna.pruners.NopPruner()),
        ("search_space", {}),
        ("directions", ["minimize", "maximize"]),
    ],
)
def test_what_belongs_to_optuna_is_refused_with_what_to_write(address: str, field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=rf"^{field}: [^\n]+$"):
        create_study(**{"search_space": SPACE, "storage": address, field: value})


def test_a_study_that_is_not_there_is_not_found(address: str) -> None:
    with pytest.raises(NotFound, match="there is no study 'nowhere'"):
        load_study(study_name="nowhere", storage=address)


def test_a_study_that_optuna_made_names_the_command_that_takes_it_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    optuna.create_study(study_name="theirs", storage=url).optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    with pytest.raises(NotFound, match="run `lrtune db adopt --storage DATABASE`"):
        load_study(study_name="theirs", storage=url)
    with pytest.raises(ServiceError, match="run `lrtune db adopt --storage DATABASE`"):
        create_study(search_space=SPACE, study_name="theirs", storage=url, load_if_exists=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_trials", -1),
        ("n_trials", 1.5),
        ("timeout", -1),
        ("timeout", "1m"),
        ("n_jobs", 0),
        ("n_jobs", 2.0),
        ("catch", ("ValueError",)),
    ],
)
def test_optimize_refuses_what_it_cannot_do(address: str, field: str, value: Any) -> None:
    with create_study(search_space=SPACE, storage=address) as study:
        with pytest.raises(InvalidRequest, match=rf"^{field}: must [^\n]+$"):
            study.optimize(objective, **{"n_trials": 1, field: value})
        assert study.trials == []


def test_it_needs_no_database_driver_and_no_web_framework() -> None:
    code = "import sys, json\nimport lrtune.optuna\nprint(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=60))
    assert not set(loaded) & {"psycopg", "sqlalchemy", "fastapi", "uvicorn", "torch", "sklearn", "grpc"}
