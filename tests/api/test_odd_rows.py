"""What Optuna scripts may write beside the service is shown and trained past, whatever it is."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from starlette.testclient import TestClient

from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.schema import attributes
from lrtune.service.tuning.fidelity.short_trainings import is_short
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


_OURS = sorted(
    value for name, value in vars(attributes).items() if name.endswith("_ATTR") and value.startswith("lrtune:")
)
_ODD = ["x", -1, 10**400, 0.5, True, None, [1], {"a": [1]}, float("nan")]
_SHOWN = ("", "/status", "/suggestion", "/response", "/replays", "/trials", "/trials/0", "/trials/1", "/trials.csv")


@pytest.mark.parametrize("key", _OURS)
@pytest.mark.parametrize("spec", [{}, {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "replicates": 1}])
def test_no_value_of_another_process_in_an_attribute_of_ours_stops_a_study(
    client: TestClient, key: str, spec: dict[str, Any]
) -> None:
    study = create(client, max_steps=81, max_trials=24, prior="none", **spec)
    storage = optuna_storage(client)
    study_id = storage.get_study_id_from_name(study.name)
    for number, odd in enumerate(_ODD):
        trial = create_trial(
            state=TrialState.PRUNED if number % 2 else TrialState.COMPLETE,
            value=float(number),
            params={"learning_rate": 1e-3},
            distributions={"learning_rate": FloatDistribution(1e-5, 1.0, log=True)},
            system_attrs={key: odd},
            intermediate_values={1: 1.0, 2: 0.5},
        )
        storage.create_new_trial(study_id, template_trial=trial)
        storage.set_study_system_attr(study_id, key, odd)
        assert client.get(f"{study.path}/status").status_code == 200, odd
    answers = {path: client.get(study.path + path).status_code for path in _SHOWN}
    assert set(answers.values()) == {200}, answers
    asked = [study.ask(anneals=anneals).status_code for anneals in (True, False)]
    assert set(asked) <= {200, 201}
    study.post("/trials/record", {"params": {"learning_rate": 1e-2}, "value": 1.0, "request_id": "r"})


def test_an_odd_mark_of_the_ladder_makes_no_trial_a_short_one() -> None:
    assert [is_short({attributes.LADDER_ATTR: odd}, 81) for odd in _ODD] == [False] * len(_ODD)
    assert is_short({attributes.LADDER_ATTR: 27}, 81)
