"""What Optuna scripts may write beside the service is shown and trained past, whatever it is."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from starlette.testclient import TestClient

from lrtune.service.storage import OptunaStorage
from tests.api.conftest import create


def optuna_storage(client: TestClient) -> OptunaStorage:
    return OptunaStorage(client.app.state.container.engine)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fixed", [[1, 2], "learning_rate", 7, None, {"learning_rate": [1]}, {"learning_rate": "high"}, {"7": {"a": 1}}]
)
def test_an_odd_waiting_trial_of_another_process_stops_nobody(client: TestClient, fixed: Any) -> None:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"})
    storage = optuna_storage(client)
    study_id = storage.get_study_id_from_name(study.name)
    waiting = create_trial(state=TrialState.WAITING, system_attrs={"fixed_params": fixed})
    storage.create_new_trial(study_id, template_trial=waiting)
    assert [trial["number"] for trial in study.trials()] == [0]
    assert client.get(f"{study.path}/trials.csv").status_code == 200
    leased = [study.lease() for _ in range(2)]
    assert sorted(trial["number"] for trial in leased) == [0, 1]
    for trial in leased:
        assert isinstance(trial["params"]["learning_rate"], float)


def test_a_nested_choice_of_another_process_is_shown_as_text(client: TestClient) -> None:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"})
    storage = optuna_storage(client)
    odd = create_trial(value=1.0, params={"x": "b"}, distributions={"x": CategoricalDistribution(("a", "b"))})
    odd.distributions = {"x": CategoricalDistribution((("a", 1), ("b", 2)))}  # type: ignore[arg-type]
    odd.params = {"x": ("b", 2)}
    storage.create_new_trial(storage.get_study_id_from_name(study.name), template_trial=odd)
    (shown,) = study.trials()
    assert shown["params"] == {"x": '["b", 2]'}
    assert client.get(f"{study.path}/trials.csv").status_code == 200


@pytest.mark.parametrize("value", ["1e-3", None, True, ("a", 1)])
def test_a_learning_rate_of_another_process_that_is_no_number_is_no_evidence(client: TestClient, value: Any) -> None:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"})
    storage = optuna_storage(client)
    study_id = storage.get_study_id_from_name(study.name)
    for number in range(4):
        study.post("/trials/record", {"params": {"learning_rate": 10.0 ** -(number + 1)}, "value": float(number)})
        odd = create_trial(
            value=0.5,
            params={"learning_rate": "a"},
            distributions={"learning_rate": CategoricalDistribution(("a", "b"))},
        )
        odd.distributions = {"learning_rate": CategoricalDistribution((value, "other"))}
        odd.params = {"learning_rate": value}
        storage.create_new_trial(study_id, template_trial=odd)
    for path in ("/suggestion", "/status", "/response", "/trials/0", "/trials/1", "/replays"):
        assert client.get(study.path + path).status_code == 200, path
    study.lease()


@pytest.mark.parametrize("name", [5, True, 1.5, ["a"], {"a": 1}, "nul\0", "\ud800"])
def test_a_study_whose_name_is_no_text_is_refused_to_scripts_and_dashboard(client: TestClient, name: Any) -> None:
    with pytest.raises(ValueError, match="name must"):
        optuna_storage(client).create_new_study([StudyDirection.MINIMIZE], name)
    assert client.get("/v1/studies").status_code == 200


@pytest.mark.parametrize("count", [0, 101])
def test_a_study_has_a_number_of_directions_that_somebody_may_want(client: TestClient, count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        optuna_storage(client).create_new_study([StudyDirection.MINIMIZE] * count, "many")
