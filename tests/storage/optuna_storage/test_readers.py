"""optuna.visualization, optuna.importance and optuna-dashboard read studies through the engine."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import optuna
import optuna.visualization as plots
import psycopg
import pytest
from optuna.importance import (
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from sqlalchemy import make_url
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.storage import OptunaStorage, open_storage

TRIALS = 14


def fill(storage: OptunaStorage) -> None:
    """A study of one objective with curves, pruned and failed trials, and one of two objectives."""
    one = optuna.create_study(study_name="one", storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        layers = trial.suggest_int("layers", 1, 4)
        name = trial.suggest_categorical("optimizer", ["sgd", "adamw"])
        for step in range(3):
            trial.report(rate + layers / (step + 1), step)
        if trial.number == 3:
            raise optuna.TrialPruned()
        if trial.number == 4:
            raise ValueError
        return rate + layers + (name == "sgd")

    one.optimize(objective, n_trials=TRIALS, catch=ValueError)
    two = optuna.create_study(
        study_name="two",
        storage=storage,
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    two.optimize(lambda t: (t.suggest_float("x", 0, 1), t.suggest_float("y", 0, 1)), n_trials=8)


@pytest.fixture(scope="module")
def module_postgres_url(postgres_admin_url: str) -> str:
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE readers")
    url = make_url(postgres_admin_url).set(drivername="postgresql+psycopg", database="readers")
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of each kind with both studies."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('readers')}/storage.db"
    else:
        url = request.getfixturevalue("module_postgres_url")
    storage = open_storage(url)
    fill(storage)
    storage.close()
    return url


@pytest.fixture
def storage(filled_url: str) -> Iterator[OptunaStorage]:
    opened = open_storage(filled_url)
    yield opened
    opened.close()


# Plots


ONE: dict[str, Callable[[optuna.Study], Any]] = {
    "contour": plots.plot_contour,
    "edf": plots.plot_edf,
    "intermediate_values": plots.plot_intermediate_values,
    "optimization_history": plots.plot_optimization_history,
    "parallel_coordinate": plots.plot_parallel_coordinate,
    "param_importances": plots.plot_param_importances,
    "rank": plots.plot_rank,
    "slice": plots.plot_slice,
    "timeline": plots.plot_timeline,
}
TWO: dict[str, Callable[[optuna.Study], Any]] = {
    "pareto_front": plots.plot_pareto_front,
    "hypervolume_history": lambda study: plots.plot_hypervolume_history(study, [2.0, -1.0]),
}
LEFT_OUT = {"terminator_improvement"}
"""Fits a Gaussian process with torch at every trial: it asks the storage for what the others ask for."""


def test_every_plot_of_optuna_is_tried_below() -> None:
    known = {name.removeprefix("plot_") for name in plots.__all__ if name.startswith("plot_")}
    assert known == ONE.keys() | TWO.keys() | LEFT_OUT


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_a_plot_shows_the_study(storage: OptunaStorage, name: str) -> None:
    study = optuna.load_study(study_name="one" if name in ONE else "two", storage=storage)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = (ONE | TWO)[name](study)
    assert len(figure.data) > 0
    assert figure.to_json()


# Importance


@pytest.mark.parametrize(
    "evaluator",
    [
        FanovaImportanceEvaluator(n_trees=8, seed=0),
        MeanDecreaseImpurityImportanceEvaluator(n_trees=8, seed=0),
        PedAnovaImportanceEvaluator(),
    ],
    ids=lambda evaluator: type(evaluator).__name__,
)
def test_importances_are_those_that_optuna_finds_in_the_database_itself(
    storage: OptunaStorage, filled_url: str, evaluator: Any
) -> None:
    stock = optuna.storages.RDBStorage(filled_url)
    study = optuna.load_study(study_name="one", storage=storage)
    same = optuna.load_study(study_name="one", storage=stock)
    found = get_param_importances(study, evaluator=evaluator)
    assert found.keys() == {"learning_rate", "layers", "optimizer"}
    assert found == get_param_importances(same, evaluator=evaluator)
    stock.remove_session()
    stock.engine.dispose()


# optuna-dashboard, as the service mounts it


@pytest.fixture
def dashboard(filled_url: str) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(storage=filled_url, dashboard=True))) as client:
        yield client


def test_the_dashboard_answers_for_studies_trials_plots_and_importances(dashboard: TestClient) -> None:
    assert dashboard.get("/api/meta").status_code == 200
    listed = dashboard.get("/api/studies").json()["study_summaries"]
    ids = {study["study_name"]: study["study_id"] for study in listed}
    assert ids.keys() == {"one", "two"}
    detail = dashboard.get(f"/api/studies/{ids['one']}").json()
    assert [trial["number"] for trial in detail["trials"]] == list(range(TRIALS))
    assert [trial["state"] for trial in detail["trials"]].count("Fail") == 1
    assert len(detail["trials"][0]["intermediate_values"]) == 3
    later = dashboard.get(f"/api/studies/{ids['one']}", params={"after": TRIALS - 2}).json()
    assert [trial["number"] for trial in later["trials"]] == [TRIALS - 2, TRIALS - 1]
    importances = dashboard.get(
        f"/api/studies/{ids['one']}/param_importances", params={"evaluator": "ped_anova"}
    ).json()["param_importances"][0]
    assert {one["name"] for one in importances} == {"learning_rate", "layers", "optimizer"}
    for plot in ("contour", "slice", "parallel_coordinate", "rank", "edf", "timeline"):
        answer = dashboard.get(f"/api/studies/{ids['one']}/plot/{plot}")
        assert answer.status_code == 200, (plot, answer.text)
    csv = dashboard.get(f"/csv/{ids['one']}").text.strip().splitlines()
    assert len(csv) == TRIALS + 1


def test_the_dashboard_makes_changes_and_deletes_through_the_engine(dashboard: TestClient) -> None:
    made = dashboard.post("/api/studies", json={"study_name": "made here", "directions": ["minimize"]})
    assert made.status_code == 201, made.text
    study_id = made.json()["study_summary"]["study_id"]
    assert dashboard.put(f"/api/studies/{study_id}/note", json={"body": "a note", "version": 1}).status_code == 204
    assert dashboard.get(f"/api/studies/{study_id}").json()["note"]["body"] == "a note"
    assert dashboard.delete(f"/api/studies/{study_id}").status_code == 204
    names = {study["study_name"] for study in dashboard.get("/api/studies").json()["study_summaries"]}
    assert names == {"one", "two"}
