"""`/v1/schedules`: what there is, previews, and schedules in a study's search space."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lrtune.service.rates.schedules import RunningSchedule, rate_function, read_schedule, schedule_from_params
from lrtune.service.wire.schedules import SCHEDULES
from tests.api.calls import Json, assert_in_space, assert_problem
from tests.api.conftest import NewStudy
from tests.rates.schedules import ANY_SCHEDULE

PATH = "/v1/schedules/preview"
FUZZ = settings(
    max_examples=80,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def body(schedule: Any, **more: Any) -> Json:
    return {"schedule": schedule, "base_learning_rate": 0.1, "total_steps": 100, **more}


def test_every_schedule_is_listed_with_its_parameters(client: TestClient) -> None:
    listed = client.get("/v1/schedules").json()
    assert listed["next_cursor"] is None
    assert [one["name"] for one in listed["items"]] == list(SCHEDULES)
    for one in listed["items"]:
        assert one["summary"]
        assert one["formula"]
        assert [parameter["name"] for parameter in one["parameters"]] == [
            name for name in SCHEDULES[one["name"]].model_fields if name != "name"
        ]
        for parameter in one["parameters"]:
            assert parameter["type"].removeprefix("list of ") in ("integer", "number", "boolean", "string", "schedule")
    (cosine,) = [one for one in listed["items"] if one["name"] == "cosine"]
    (length,) = [parameter for parameter in cosine["parameters"] if parameter["name"] == "decay_steps"]
    assert (length["type"], length["required"], length["default"]) == ("integer", False, None)
    assert "T_max" in length["aliases"]
    assert length["description"]


def test_every_alias_that_is_listed_is_read(client: TestClient) -> None:
    values = {"number": 0.5, "integer": 2, "boolean": True, "list of integer": [2], "schedule": "cosine"}
    for one in client.get("/v1/schedules").json()["items"]:
        needed = {p["name"]: values[p["type"]] for p in one["parameters"] if p["required"] and p["type"] in values}
        for parameter in one["parameters"]:
            value = parameter["choices"][0] if parameter["choices"] else values.get(parameter["type"])
            for alias in parameter["aliases"]:
                if one["name"] == "join":
                    continue
                form = {"name": one["name"], **needed, alias: value}
                form.pop(parameter["name"], None)
                assert getattr(read_schedule(form), parameter["name"]) == value, (one["name"], alias)


@FUZZ
@given(form=ANY_SCHEDULE, total=st.integers(40, 300))
def test_a_preview_has_the_rates_of_the_training(client: TestClient, form: Json, total: int) -> None:
    response = client.post(PATH, json=body(form, total_steps=total))
    assert response.status_code == 200, response.text
    found = response.json()
    rate = rate_function(read_schedule(form), base_learning_rate=0.1, total_steps=total)
    assert found["learning_rates"] == [rate(step) for step in range(total)]
    assert found["steps"] is None
    assert read_schedule(found["schedule"]) == read_schedule(form)


def test_a_preview_says_how_it_was_understood(client: TestClient) -> None:
    found = client.post(PATH, json=body({"name": "cosine", "T_max": 50, "eta_min": 0.01})).json()
    assert (found["schedule"]["decay_steps"], found["schedule"]["min_lr"]) == (50, 0.01)
    assert "T_max" not in found["schedule"]
    assert client.post(PATH, json=body("cosine")).json()["schedule"]["name"] == "cosine"


def test_a_plateau_is_previewed_with_metrics(client: TestClient) -> None:
    form = {"name": "plateau", "patience": 1}
    metrics = [2.0, 1.0, "nan", 1.0, 1.0]
    found = client.post(PATH, json=body(form, total_steps=6, metrics=metrics)).json()
    running = RunningSchedule(read_schedule(form), base_learning_rate=0.1, total_steps=6)
    expected = []
    for step in range(6):
        expected.append(running.rate(step))
        if step < 5:
            running.observe(step, float(metrics[step]))
    assert found["learning_rates"] == expected == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert client.post(PATH, json=body(form, total_steps=6)).json()["learning_rates"] == [0.1] * 6


def test_a_long_training_is_answered_when_it_is_thinned_out(client: TestClient) -> None:
    problem = assert_problem(client.post(PATH, json=body("cosine", total_steps=100_001)), 422, "invalid-body")
    assert "at most 100000" in problem["detail"]
    assert "give points" in problem["detail"]
    found = client.post(PATH, json=body("cosine", total_steps=10**9, points=5)).json()
    assert found["steps"] == [0, 249_999_999, 499_999_999, 749_999_999, 999_999_999]
    assert found["learning_rates"] == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447, 0], abs=1e-6)
    assert len(client.post(PATH, json=body("cosine", total_steps=100_000)).json()["learning_rates"]) == 100_000


BAD: list[tuple[Json, list[str | int], str]] = [
    (body("cosin"), ["schedule", "name"], "did you mean 'cosine'"),
    (body({"name": "step", "gama": 0.1}), ["schedule", "gama"], "did you mean 'gamma'"),
    (body({"name": "cosine", "T_max": 5, "decay_steps": 5}), ["schedule", "T_max"], "are the same"),
    (body({"name": "multistep", "milestones": [9, 3]}), ["schedule", "milestones"], "must ascend"),
    (body({"name": "warmup", "steps": 3, "then": {"name": "cosine", "lr": -1}}), ["schedule", "then", "lr"], "greater"),
    (body({"name": "warmup", "steps": 100, "then": "cosine"}), ["schedule", "steps"], "at most 99"),
    (body({"name": "cosine", "warmup_steps": 500}), ["schedule", "warmup_steps"], "at most 99"),
    (body({"name": "wsd", "warmup_steps": 60, "decay_steps": 60}), ["schedule", "decay_steps"], "overlap"),
    (body({"name": "cosine", "min_lr": 0.2}), ["schedule", "min_lr"], "at most the learning rate"),
    (
        body({"name": "join", "milestones": [5], "schedules": ["cosine", {"name": "step", "gamma": "nan"}]}),
        ["schedule", "schedules", 1, "gamma"],
        "number",
    ),
    (body(7), ["schedule"], "names are"),
    (body("cosine", base_learning_rate=0), ["base_learning_rate"], "greater than 0"),
    (body("cosine", base_learning_rate=-1), ["base_learning_rate"], "greater than 0"),
    (body("cosine", base_learning_rate=float("nan")), ["base_learning_rate"], "finite"),
    (body("cosine", base_learning_rate=float("inf")), ["base_learning_rate"], "finite"),
    (body("cosine", total_steps=0), ["total_steps"], "1"),
    (body("cosine", total_steps=1.5), ["total_steps"], "integer"),
    (body("cosine", points=1), ["points"], "2"),
    (body("cosine", points=100_001), ["points"], "100,000"),
    (body("cosine", metrics=[1.0]), ["metrics"], "only plateau"),
    (body("cosine", total_step=5), ["total_step"], "no such field"),
    ({"schedule": "cosine"}, ["base_learning_rate"], "missing"),
]


@pytest.mark.parametrize(("bad", "loc", "words"), BAD, ids=[str(case[1:]) for case in BAD])
def test_a_preview_that_cannot_be_made_names_the_field(
    client: TestClient, bad: Json, loc: list[str | int], words: str
) -> None:
    content = json.dumps(bad).encode()
    response = client.post(PATH, content=content, headers={"content-type": "application/json"})
    problem = assert_problem(response, 422, "invalid-body")
    (first, *_) = problem["errors"]
    assert first["loc"] == loc
    assert words in first["msg"]


@pytest.mark.parametrize("depth", [20, 300, 20_000])
def test_deep_nesting_is_refused(client: TestClient, depth: int) -> None:
    nested = '{"name":"warmup","steps":1,"then":' * depth + '"cosine"' + "}" * depth
    content = f'{{"schedule": {nested}, "base_learning_rate": 0.1, "total_steps": 10}}'.encode()
    response = client.post(PATH, content=content, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422), response.text
    assert "deep" in assert_problem(response, response.status_code)["detail"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(list(SCHEDULES)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "then", "schedules", "milestones", "steps", "gamma", "T_max", "lr", "warmup_steps"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@FUZZ
@given(
    schedule=ANYTHING
    | st.builds(
        lambda form, key, value: {**form, key: value},
        ANY_SCHEDULE,
        st.sampled_from(["lr", "gamma", "min_lr"]),
        ANYTHING,
    ),
    more=st.dictionaries(st.sampled_from(["base_learning_rate", "total_steps", "points", "metrics"]), ANYTHING),
)
def test_whatever_is_sent_is_answered(client: TestClient, schedule: Any, more: Json) -> None:
    content = json.dumps(body(schedule, **more)).encode()
    response = client.post(PATH, content=content, headers={"content-type": "application/json"})
    assert response.status_code in (200, 400, 422), response.text
    if response.status_code == 200:
        assert all(rate >= 0 for rate in response.json()["learning_rates"])
    else:
        assert_problem(response, response.status_code)


SPACE: Json = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "schedule": {"type": "categorical", "choices": ["constant", "cosine", "exponential", "wsd", "cosine_restarts"]},
    "schedule.warmup_fraction": {"type": "float", "low": 0.0, "high": 0.2},
    "schedule.gamma": {"type": "float", "low": 0.9, "high": 0.999, "when": {"schedule": ["exponential"]}},
    "schedule.min_lr_factor": {"type": "float", "low": 0.0, "high": 0.1, "when": {"schedule": ["cosine", "wsd"]}},
    "schedule.wsd.decay": {"type": "categorical", "choices": ["linear", "1-sqrt"], "when": {"schedule": ["wsd"]}},
    "schedule.wsd.decay_fraction": {"type": "float", "low": 0.1, "high": 0.5, "when": {"schedule": ["wsd"]}},
    "schedule.num_cycles": {"type": "int", "low": 1, "high": 5, "when": {"schedule": ["cosine_restarts"]}},
}


@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_a_search_space_tunes_the_schedule(new_study: NewStudy, sampler: str) -> None:
    study = new_study(search_space=SPACE, sampler={"name": sampler, "seed": 3}, pruner={"name": "none"})
    drawn = set()
    for number in range(24):
        trial = study.lease()
        assert_in_space(SPACE, trial["params"])
        schedule = schedule_from_params(trial["params"])
        assert schedule is not None
        assert schedule.name == trial["params"]["schedule"]
        for key, value in trial["params"].items():
            if key.startswith("schedule."):
                assert getattr(schedule, key.rpartition(".")[2]) == value
        rate = rate_function(schedule, base_learning_rate=trial["params"]["learning_rate"], total_steps=200)
        assert max(rate(step) for step in range(200)) == pytest.approx(trial["params"]["learning_rate"])
        drawn.add(schedule.name)
        study.finish(trial, value=float(number))
    assert len(drawn) >= 3


def test_the_openapi_page_describes_every_schedule(client: TestClient) -> None:
    page = client.get("/openapi.json").json()
    described = page["components"]["schemas"]
    for kind in SCHEDULES.values():
        name = next(key for key in described if key in (kind.__name__, f"{kind.__name__}-Input"))
        assert set(described[name]["properties"]) == set(kind.model_fields)
    assert {"/v1/schedules", "/v1/schedules/preview"} <= page["paths"].keys()
