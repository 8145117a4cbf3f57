import pytest
from starlette.testclient import TestClient

from tests.api.calls import SPACE, Json, StudyCalls, assert_problem, in_threads
from tests.api.conftest import NewStudy

FULL = {
    "direction": "minimize",
    "metric": "val_loss",
    "search_space": SPACE,
    "sampler": {"name": "auto", "seed": 0},
    "pruner": {"name": "auto"},
    "max_trials": 50,
    "max_total_steps": None,
    "max_steps": 30,
    "lease_ttl_seconds": 60,
    "max_attempts": 3,
    "tags": {"optimizer": "adamw", "family": "cnn"},
    "description": "a ResNet on CIFAR-10",
}
RATE = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
X = {"type": "float", "low": 0.0, "high": 1.0}


def test_a_study_is_shown_as_it_was_created(client: TestClient) -> None:
    response = client.post("/v1/studies", json={"name": "cifar10-resnet", **FULL, "if_exists": "fail"})
    assert response.status_code == 201
    shown = response.json()
    for field, value in FULL.items():
        if field != "search_space":
            assert shown[field] == value
    for name, parameter in SPACE.items():
        assert shown["search_space"][name].items() >= parameter.items()
    assert shown["state"] == "running"
    assert (shown["paused"], shown["stopped"], shown["trials"]) == (False, False, 0)
    assert shown["created_at"].endswith("Z")
    assert client.get("/v1/studies/cifar10-resnet").json() == shown


def test_without_a_search_space_a_study_searches_the_learning_rate_alone(study: StudyCalls) -> None:
    (name, parameter), *others = study.get()["search_space"].items()
    assert not others
    assert (name, parameter["low"], parameter["high"], parameter["log"]) == ("learning_rate", 1e-6, 1.0, True)


def test_a_second_study_of_a_name_is_refused(client: TestClient, study: StudyCalls) -> None:
    found = assert_problem(client.post("/v1/studies", json={"name": study.name}), 409, "study-exists")
    assert "load" in found["detail"]


@pytest.mark.parametrize("name", ["lrtune:deleted:1", "lrtune:mine"])
def test_a_name_that_is_kept_for_lrtune_is_refused(client: TestClient, name: str) -> None:
    response = client.post("/v1/studies", json={"name": name})
    found = assert_problem(response, 422, "invalid-body")
    assert "take another name" in response.text
    assert "name" in str(found["errors"])


def test_an_existing_study_of_the_same_spec_is_loaded(client: TestClient) -> None:
    body = {"name": "loaded", **FULL, "if_exists": "load"}
    assert client.post("/v1/studies", json=body).status_code == 201
    again = client.post("/v1/studies", json={**body, "description": "said otherwise"})
    assert again.status_code == 200
    assert again.json()["description"] == FULL["description"]


def test_a_changed_budget_does_not_keep_a_study_from_being_loaded(client: TestClient) -> None:
    body = {"name": "loaded-later", **FULL, "if_exists": "load"}
    assert client.post("/v1/studies", json=body).status_code == 201
    StudyCalls(client, "loaded-later").patch(max_trials=99)
    again = client.post("/v1/studies", json=body)
    assert again.status_code == 200
    assert again.json()["max_trials"] == 99


def test_a_study_is_loaded_as_it_was_created_and_as_it_was_changed(client: TestClient) -> None:
    body = {"name": "changed", **FULL, "if_exists": "load"}
    assert client.post("/v1/studies", json=body).status_code == 201
    given = {"learning_rate": {"median": 0.01, "spread_decades": 0.5}}
    changes = {"max_trials": 99, "max_total_steps": None, "prior": given, "short_trainings": "none"}
    StudyCalls(client, "changed").patch(**changes)
    assert client.post("/v1/studies", json={**body, **changes}).status_code == 200
    assert client.post("/v1/studies", json={**body, "max_trials": 99}).status_code == 200
    assert client.post("/v1/studies", json={**body, "max_trials": 98}).status_code == 409


def test_another_budget_is_named_with_both_values_and_how_to_change_it(client: TestClient) -> None:
    body = {"name": "larger", "max_trials": 20, "max_steps": 10, "if_exists": "load"}
    assert client.post("/v1/studies", json=body).status_code == 201
    answer = client.post("/v1/studies", json={**body, "max_trials": 40})
    assert assert_problem(answer, 409, "study-exists")["detail"] == (
        "study 'larger' exists with another spec: max_trials is 20 there, and 40 is asked for; to change it: "
        "lrtune study set larger --max-trials 40, or client.study('larger').update(max_trials=40), "
        'or PATCH {"max_trials": 40}'
    )
    StudyCalls(client, "larger").patch(max_trials=40)
    assert client.post("/v1/studies", json={**body, "max_trials": 40}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_steps": 31}, "max_steps is 30 there, and 31 is asked for"),
        ({"max_trials": None}, "--max-trials none, or client.study('differs').update(max_trials=None)"),
        ({"sampler": {"name": "tpe"}}, 'sampler.name is "auto" there, and "tpe" is asked for; '),
        ({"sampler": {"name": "auto", "seed": 5}}, "sampler.seed is 0 there, and 5 is asked for"),
        ({"search_space": {"x": X}}, "search_space.learning_rate is there, and not asked for"),
        ({"search_space": {"learning_rate": RATE, "x": X}}, "search_space.x is not there"),
        ({"search_space": {"learning_rate": {**RATE, "high": 0.5}}}, "search_space.learning_rate.high is 1.0 there"),
        ({"prior": "none", "max_steps": 31}, "--prior none"),
        ({"prior": "none", "max_steps": 31}, "max_steps cannot be changed: ask for what is there, or take another"),
    ],
)
def test_a_study_of_another_spec_is_not_loaded_and_says_what_differs(
    client: TestClient, changes: Json, said: str
) -> None:
    body = {"name": "differs", "search_space": {"learning_rate": RATE}, "max_trials": 20, "max_steps": 30}
    client.post("/v1/studies", json=body)
    answer = client.post("/v1/studies", json={**body, **changes, "if_exists": "load"})
    assert said in assert_problem(answer, 409, "study-exists")["detail"]


def test_of_many_differences_the_first_are_named(client: TestClient) -> None:
    space = {f"p{number}": X for number in range(20)}
    body = {"name": "many", "search_space": space, "if_exists": "load"}
    assert client.post("/v1/studies", json=body).status_code == 201
    wider = {name: {**X, "high": 2.0} for name in space}
    answer = client.post("/v1/studies", json={**body, "search_space": wider})
    detail = assert_problem(answer, 409, "study-exists")["detail"]
    assert "and 12 more; search_space cannot be changed" in detail


def test_of_many_who_create_the_same_study_one_does_and_the_others_load_it(each_client: TestClient) -> None:
    body = {"name": "together", **FULL, "if_exists": "load"}
    codes = in_threads(8, lambda _: each_client.post("/v1/studies", json=body).status_code)
    assert sorted(codes) == [200] * 7 + [201]


def test_an_unknown_study_is_a_404_on_every_path(client: TestClient) -> None:
    unknown = StudyCalls(client, "nobody-made-this")
    for below in ("", "/status", "/suggestion", "/trials", "/trials/0", "/trials.csv"):
        assert_problem(client.get(unknown.path + below), 404, "study-not-found")
    assert_problem(client.patch(unknown.path, json={}), 404, "study-not-found")
    assert_problem(client.delete(unknown.path), 404, "study-not-found")
    assert_problem(unknown.ask(), 404, "study-not-found")


def test_pages_of_studies_follow_each_other_by_name(own_client: TestClient) -> None:
    names = [f"s{index:02d}" for index in range(7)]
    for name in reversed(names):
        own_client.post("/v1/studies", json={"name": name})
    seen: list[str] = []
    query: dict[str, object] = {"limit": 3}
    sizes = []
    while True:
        page = own_client.get("/v1/studies", params=query).json()
        seen += [item["name"] for item in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == names
    assert sizes == [3, 3, 1]


def test_a_page_that_ends_with_the_last_study_has_no_next_one(own_client: TestClient) -> None:
    for name in ("a", "b"):
        own_client.post("/v1/studies", json={"name": name})
    assert own_client.get("/v1/studies", params={"limit": 2}).json()["next_cursor"] is None


@pytest.mark.parametrize("limit", [0, 1001, "many"])
def test_a_limit_is_from_1_to_1000(client: TestClient, limit: object) -> None:
    found = assert_problem(client.get("/v1/studies", params={"limit": limit}), 422)
    assert found["errors"][0]["loc"] == ["query", "limit"]


def test_what_a_patch_leaves_out_stays(new_study: NewStudy) -> None:
    study = new_study(max_trials=4, description="first")
    shown = study.patch(description="second")
    assert (shown["max_trials"], shown["description"]) == (4, "second")
    assert study.patch(max_trials=None)["max_trials"] is None
    assert study.get()["description"] == "second"


def test_a_raised_budget_opens_a_finished_study_again(each_study: NewStudy) -> None:
    study = each_study(max_trials=1)
    study.finish(study.lease(), value=1.0)
    assert study.get("/status")["state"] == "finished"
    assert study.done_reason() == "max_trials"
    assert study.patch(max_trials=2)["state"] == "running"
    assert study.lease()["number"] == 1


def test_a_paused_study_hands_out_nothing_while_running_trials_go_on(study: StudyCalls) -> None:
    trial = study.lease()
    assert study.patch(paused=True)["state"] == "paused"
    waiting = study.ask().json()
    assert waiting["done"] is False
    assert waiting["retry_after_seconds"] > 0
    assert study.verdict(trial, (1, 0.5))["verdict"] == "continue"
    assert study.finish(trial)["state"] == "complete"
    assert study.patch(paused=False)["state"] == "running"
    assert study.lease()["number"] == 1


def test_a_stopped_study_is_finished_and_its_running_trials_are_told_to_stop(study: StudyCalls) -> None:
    trial = study.lease()
    assert study.patch(stopped=True)["state"] == "finished"
    assert study.done_reason() == "stopped"
    verdict = study.verdict(trial, (1, 0.5))
    assert (verdict["verdict"], verdict["reason"]) == ("stop", "study_finished")
    assert study.finish(trial, "pruned")["state"] == "pruned"


def test_a_step_budget_needs_to_know_how_long_a_training_is(new_study: NewStudy) -> None:
    study = new_study()
    response = study.client.patch(study.path, json={"max_total_steps": 100})
    assert assert_problem(response, 422)["errors"][0]["loc"] == ["max_total_steps"]


def test_a_step_budget_stays_as_long_as_one_training(new_study: NewStudy) -> None:
    study = new_study(max_steps=20)
    response = study.client.patch(study.path, json={"max_total_steps": 19})
    (error,) = assert_problem(response, 422)["errors"]
    assert error == {"loc": ["max_total_steps"], "msg": "must be at least max_steps (20), or no trial can start"}
    assert study.patch(max_total_steps=20)["max_total_steps"] == 20


def test_a_deleted_study_is_gone_with_its_trials_and_its_name_is_free(each_study: NewStudy) -> None:
    study = each_study()
    trial = study.lease()
    response = study.client.delete(study.path)
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(study.client.get(study.path), 404, "study-not-found")
    assert_problem(study.report(trial, (1, 1.0)), 404, "study-not-found")
    assert study.client.post("/v1/studies", json={"name": study.name}).status_code == 201
    assert study.trials() == []


def test_what_is_said_against_a_search_space_is_in_the_answer_but_not_in_lists(client: TestClient) -> None:
    space = {"lr": {"type": "float", "low": 1e-5, "high": 1.0}}
    made = client.post("/v1/studies", json={"name": "linear", "search_space": space})
    assert made.status_code == 201
    (warning,) = made.json()["warnings"]
    assert "lr is searched on a linear scale" in warning
    assert client.get("/v1/studies/linear").json()["warnings"] == [warning]
    assert [item["warnings"] for item in client.get("/v1/studies").json()["items"] if item["name"] == "linear"] == [[]]
