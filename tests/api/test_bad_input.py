"""What clients get wrong: each a 4xx that names the field and says what would be right."""

import json

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy

RATE: Json = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
CHOICE: Json = {"type": "categorical", "choices": ["a", "b"]}


def space(**parameters: object) -> Json:
    return {"search_space": parameters}


def rate(**changed: object) -> Json:
    return space(learning_rate={**RATE, **changed})


LR = ["search_space", "learning_rate"]
BAD_STUDIES: list[tuple[Json, list[str]]] = [
    (rate(low=0), LR),
    (rate(low=-1e-3), LR),
    (rate(low=0.0, log=False), LR),
    (rate(low=-1, high=1, log=False), LR),
    (rate(low=1.0, high=1e-5), LR),
    (rate(low=0.1, high=0.1), LR),
    (rate(low="nan"), [*LR, "low"]),
    (rate(high=float("inf")), [*LR, "high"]),
    (rate(high=None), [*LR, "high"]),
    (rate(low="0.1"), [*LR, "low"]),
    (rate(low=True), [*LR, "low"]),
    (rate(step=0.1), LR),
    (rate(log=False, step=0), LR),
    (rate(log=False, step=1e-300), LR),
    (rate(log=1), [*LR, "log"]),
    (rate(hihg=1), [*LR, "hihg"]),
    (space(learning_rate={"type": "float", "low": 1e-5}), [*LR, "high"]),
    (space(learning_rate={"type": "floot", "low": 1e-5, "high": 1}), [*LR, "type"]),
    (space(learning_rate={"low": 1e-5, "high": 1}), LR),
    (space(learning_rate=0.1), LR),
    (space(learning_rate={"type": "int", "low": 0, "high": 3}), LR),
    (space(lr={"type": "categorical", "choices": [0.1, 0]}), ["search_space", "lr"]),
    (space(peak={"type": "categorical", "choices": [0.1], "role": "learning_rate"}), ["search_space", "peak"]),
    (space(x={"type": "float", "low": -1.7e308, "high": 1.7e308}), ["search_space", "x"]),
    (space(x={"type": "categorical", "choices": []}), ["search_space", "x", "choices"]),
    (space(x={"type": "categorical", "choices": ["a", "a"]}), ["search_space", "x"]),
    (space(x={"type": "categorical", "choices": [1, True]}), ["search_space", "x"]),
    (space(x={"type": "categorical", "choices": [[1]]}), ["search_space", "x", "choices"]),
    (space(x={"type": "categorical", "choices": "ab"}), ["search_space", "x", "choices"]),
    (space(n={"type": "int", "low": 1.5, "high": 3}), ["search_space", "n", "low"]),
    (space(n={"type": "int", "low": 1, "high": 10**30}), ["search_space", "n", "high"]),
    (space(n={"type": "int", "low": 3, "high": 1}), ["search_space", "n"]),
    (space(n={"type": "int", "low": 0, "high": 3, "log": True}), ["search_space", "n"]),
    (space(n={"type": "int", "low": 0, "high": 3, "step": 0}), ["search_space", "n", "step"]),
    (space(x={**CHOICE, "when": {"y": ["a"]}}), ["search_space", "x"]),
    (space(x={**CHOICE, "when": {"x": ["a"]}}), ["search_space", "x"]),
    (space(x={**CHOICE, "when": {"y": ["a"]}}, y={**CHOICE, "when": {"x": ["a"]}}), ["search_space", "x"]),
    (space(x=CHOICE, y={**CHOICE, "when": {"x": ["c"]}}), ["search_space", "y"]),
    (space(x=CHOICE, y={**CHOICE, "when": {"x": []}}), ["search_space", "y", "when", "x"]),
    (space(x=CHOICE, y={**CHOICE, "when": {}}), ["search_space", "y", "when"]),
    (space(lr=RATE, y={**CHOICE, "when": {"lr": [0.1]}}), ["search_space", "y"]),
    ({"search_space": {"a b": CHOICE}}, ["search_space", "a b"]),
    ({"search_space": {}}, ["search_space"]),
    ({"search_space": [RATE]}, ["search_space"]),
    ({"sampler": {"name": "simulated-annealing"}}, ["sampler", "name"]),
    ({"sampler": {"seed": 1}}, ["sampler", "name"]),
    ({"sampler": "tpe"}, ["sampler"]),
    ({"sampler": {"name": "tpe", "seed": -1}}, ["sampler", "seed"]),
    ({"sampler": {"name": "tpe", "n_startup": 1}}, ["sampler", "n_startup"]),
    ({"sampler": {"name": "cmaes", "sigma0": 0}}, ["sampler", "sigma0"]),
    ({"sampler": {"name": "bruteforce"}}, LR),
    ({"sampler": {"name": "grid", "points": 1000}, **space(x=RATE, y=RATE)}, ["sampler", "points"]),
    (
        {"sampler": {"name": "grid"}, **space(x={"type": "float", "low": 0, "high": 1, "step": 1e-11})},
        ["sampler", "points"],
    ),
    (
        {"sampler": {"name": "bruteforce"}, **space(n={"type": "int", "low": 0, "high": 2**53})},
        ["search_space", "n"],
    ),
    ({"pruner": {"name": "hatchet"}}, ["pruner", "name"]),
    ({"pruner": {"name": "percentile", "percentile": 101}}, ["pruner", "percentile"]),
    ({"pruner": {"name": "threshold"}}, ["pruner"]),
    ({"pruner": {"name": "threshold", "lower": 2, "upper": 1}}, ["pruner"]),
    ({"pruner": {"name": "asha", "reduction_factor": 1}}, ["pruner", "reduction_factor"]),
    ({"pruner": {"name": "hyperband", "max_resource": 10**400}}, ["pruner", "max_resource"]),
    ({"pruner": {"name": "patient", "wrapped": {"name": "hatchet"}}}, ["pruner", "wrapped", "name"]),
    ({"name": "a/b"}, ["name"]),
    ({"name": "n" * 300}, ["name"]),
    ({"name": ""}, ["name"]),
    ({"name": "../etc"}, ["name"]),
    ({"name": "line\n"}, ["name"]),
    ({"name": None}, ["name"]),
    ({"direction": "down"}, ["direction"]),
    ({"metric": ""}, ["metric"]),
    ({"max_trials": 0}, ["max_trials"]),
    ({"max_trials": 1.5}, ["max_trials"]),
    ({"max_trials": "10"}, ["max_trials"]),
    ({"max_trials": float("nan")}, ["max_trials"]),
    ({"max_steps": -1}, ["max_steps"]),
    ({"max_total_steps": 10}, ["max_steps"]),
    ({"max_total_steps": 10, "max_steps": 11}, ["max_steps"]),
    ({"lease_ttl_seconds": 0}, ["lease_ttl_seconds"]),
    ({"lease_ttl_seconds": float("inf")}, ["lease_ttl_seconds"]),
    ({"max_attempts": 0}, ["max_attempts"]),
    ({"tags": {"optimizer": 1}}, ["tags", "optimizer"]),
    ({"description": 5}, ["description"]),
    ({"description": "nul \0"}, ["description"]),
    ({"if_exists": "replace"}, ["if_exists"]),
    ({"max_trails": 10}, ["max_trails"]),
]


@pytest.mark.parametrize(("spec", "loc"), BAD_STUDIES, ids=lambda part: json.dumps(part)[:70])
def test_a_bad_study_is_refused_by_field(client: TestClient, spec: Json, loc: list[str]) -> None:
    content = json.dumps({"name": "bad", **spec})
    response = client.post("/v1/studies", content=content, headers={"content-type": "application/json"})
    found = assert_problem(response, 422, "invalid-body")
    places = [error["loc"][: len(loc)] for error in found["errors"]]
    assert loc in places or (len(loc) == 1 and loc[0] in found["detail"]), found
    assert all(error["msg"] for error in found["errors"])
    assert loc[-1] in found["detail"]
    assert_problem(client.get("/v1/studies/bad"), 404)


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({"lr": 1e-3}, {"learning_rate": "is missing", "lr": "there is no such field; check its spelling"}),
        ("usual", {"prior": 'must be "auto", "none" or {"learning_rate": {"median": …}}'}),
        ({"learning_rate": {"median": "x"}}, {"median": "must be a number"}),
    ],
)
def test_a_bad_prior_is_refused_in_its_own_words_alone(client: TestClient, prior: Json | str, told: Json) -> None:
    found = assert_problem(client.post("/v1/studies", json={"name": "bad", "prior": prior}), 422, "invalid-body")
    assert {error["loc"][-1]: error["msg"] for error in found["errors"]} == told


BAD_CALLS: list[tuple[str, Json, list[str | int]]] = [
    ("", {"worker": "", "request_id": "r"}, ["worker"]),
    ("", {"worker": "w\0", "request_id": "r"}, ["worker"]),
    ("", {"worker": "w", "request_id": "r\0"}, ["request_id"]),
    ("", {"worker": "w", "request_id": 1}, ["request_id"]),
    ("", {"worker": "w", "request_id": "r" * 101}, ["request_id"]),
    ("", {"worker": "w", "request_id": "r", "anneals": "yes"}, ["anneals"]),
    ("", {"worker": "w", "request_id": "r", "lease": "x"}, ["lease"]),
    ("/0/reports", {"reports": []}, ["reports"]),
    ("/0/reports", {}, ["reports"]),
    ("/0/reports", {"lease": None, "reports": [{"step": 1, "value": 1}]}, ["lease"]),
    ("/0/reports", {"reports": [{"step": -1, "value": 1}]}, ["reports", 0, "step"]),
    ("/0/reports", {"reports": [{"step": 6, "value": 1}]}, ["reports", 0, "step"]),
    ("/0/reports", {"reports": [{"step": 1, "value": 1}, {"step": 6, "value": 1}]}, ["reports", 1, "step"]),
    ("/0/reports", {"reports": [{"step": 2**31, "value": 1}]}, ["reports", 0, "step"]),
    ("/0/reports", {"reports": [{"step": 1.5, "value": 1}]}, ["reports", 0, "step"]),
    ("/0/reports", {"reports": [{"step": True, "value": 1}]}, ["reports", 0, "step"]),
    ("/0/reports", {"reports": [{"step": 1, "value": "0.5"}]}, ["reports", 0, "value"]),
    ("/0/reports", {"reports": [{"step": 1, "value": "NaN"}]}, ["reports", 0, "value"]),
    ("/0/reports", {"reports": [{"step": 1, "value": None}]}, ["reports", 0, "value"]),
    ("/0/reports", {"reports": [{"step": 1}]}, ["reports", 0, "value"]),
    ("/0/reports", {"reports": [{"step": 1, "value": 10**400}]}, ["reports", 0, "value"]),
    (
        "/0/reports",
        {"reports": [{"step": 1, "value": 1}], "checkpoint": {"uri": "u", "step": 6}},
        ["checkpoint", "step"],
    ),
    ("/0/reports", {"reports": [{"step": 1, "value": 1}], "checkpoint": {"uri": ""}}, ["checkpoint", "uri"]),
    (
        "/0/reports",
        {"reports": [{"step": 1, "value": 1}], "checkpoint": {"uri": "\0", "step": 1}},
        ["checkpoint", "uri"],
    ),
    ("/0/heartbeat", {"leese": "x"}, ["leese"]),
    ("/0/result", {"state": "done"}, ["state"]),
    ("/0/result", {"state": "running"}, ["state"]),
    ("/0/result", {}, ["state"]),
    ("/0/result", {"state": "complete"}, ["value"]),
    ("/0/result", {"state": "complete", "value": "low"}, ["value"]),
    ("/0/result", {"state": "failed", "error": 1}, ["error"]),
    ("/0/release", {"checkpoint": {"uri": "u", "step": -1}}, ["checkpoint", "step"]),
    ("/0/release", {"checkpoint": {"uri": "u", "step": 6}}, ["checkpoint", "step"]),
    ("/0/release", {"checkpoint": "u"}, ["checkpoint"]),
    ("/enqueue", {"params": {}}, ["params"]),
    ("/enqueue", {}, ["params"]),
    ("/enqueue", {"params": {"learning_rate": 0.1}, "request_id": ""}, ["request_id"]),
    ("/record", {"params": {"learning_rate": 0.1}, "value": 1, "request_id": "r" * 101}, ["request_id"]),
    ("/enqueue", {"params": {"learning_rate": [0.1]}}, ["params", "learning_rate"]),
    ("/record", {"params": {"learning_rate": 0.1}, "state": "running", "value": 1}, ["state"]),
    ("/record", {"params": {"learning_rate": 0.1}, "reports": [{"step": -1, "value": 1}]}, ["reports", 0, "step"]),
    ("/record", {"params": {"learning_rate": 0.1}, "value": 1, "worker": "w"}, ["worker"]),
]


@pytest.mark.parametrize(("below", "body", "loc"), BAD_CALLS, ids=lambda part: json.dumps(part)[:70])
def test_a_bad_call_of_a_worker_is_refused_by_field_and_changes_nothing(
    study: StudyCalls, below: str, body: Json, loc: list[str | int]
) -> None:
    trial = study.lease()
    before = study.get("/status"), study.trial(0)
    if below.startswith("/0/"):
        body = {"lease": trial["lease"], **body}
    found = assert_problem(study.post("/trials" + below, body), 422, "invalid-body")
    assert loc in [error["loc"][: len(loc)] for error in found["errors"]], found
    assert str(loc[-1]) in found["detail"]
    assert (study.get("/status"), study.trial(0)) == before
    assert study.verdict(trial, (1, 0.5))["verdict"] == "continue"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_trials": 0}, "max_trials"),
        ({"max_trials": "9"}, "max_trials"),
        ({"max_total_steps": -5}, "max_total_steps"),
        ({"paused": None}, "paused"),
        ({"paused": "yes"}, "paused"),
        ({"stopped": 1}, "stopped"),
        ({"description": None}, "description"),
        ({"description": "\0"}, "description"),
        ({"name": "other"}, "name"),
        ({"max_steps": 9}, "max_steps"),
    ],
)
def test_a_bad_patch_is_refused_by_field(study: StudyCalls, body: Json, field: str) -> None:
    before = study.get()
    found = assert_problem(study.client.patch(study.path, json=body), 422)
    assert found["errors"][0]["loc"] == [field]
    assert study.get() == before


@pytest.mark.parametrize("field", ["max_steps", "search_space", "sampler", "name"])
def test_a_field_that_a_patch_cannot_change_is_called_so_and_not_misspelt(study: StudyCalls, field: str) -> None:
    found = assert_problem(study.client.patch(study.path, json={field: study.get()[field]}), 422, "invalid-body")
    assert found["errors"] == [{"loc": [field], "msg": "cannot be changed: create another study"}]
    misspelt = assert_problem(study.client.patch(study.path, json={f"{field}x": 1}), 422, "invalid-body")
    assert misspelt["errors"][0]["msg"].startswith("there is no such field; ")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b'{"name": "x"', b"name=x", b"[]", b"null", b'"text"', b"1", b"\xff\xfe"),
        *(b'{"name": "\\ud800"}', b"[" * 100_000, b'{"max_trials": ' + b"1" * 5000 + b"}"),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_body_that_is_no_json_object_is_refused(client: TestClient, study: StudyCalls, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    for method, path in (
        ("POST", "/v1/studies"),
        ("PATCH", study.path),
        *(("POST", f"{study.path}/trials{below}") for below in ("", "/0/reports", "/0/result", "/record")),
    ):
        response = client.request(method, path, content=content, headers=headers)
        found = assert_problem(response, response.status_code)
        assert response.status_code in (400, 422)
        assert "body" in found["detail"] or found["errors"]


def test_a_body_of_another_content_type_is_told_which_to_use(client: TestClient) -> None:
    response = client.post("/v1/studies", content=b'{"name": "x"}', headers={"content-type": "text/plain"})
    assert "application/json" in assert_problem(response, 422)["detail"]


def test_text_that_postgres_could_not_store_is_refused_alike_everywhere(each_study: NewStudy) -> None:
    study = each_study()
    response = study.ask(worker="nul \0 inside")
    assert assert_problem(response, 422)["errors"][0]["loc"] == ["worker"]
    shown = study.finish(study.lease(), "failed", error="output: \0\0 end")
    assert shown["error"] == "output: \ufffd\ufffd end"
    assert study.trial(0)["error"] == shown["error"]


def test_a_number_among_choices_is_the_same_however_it_is_written(new_study: NewStudy) -> None:
    study = new_study(**space(width={"type": "categorical", "choices": [16, 0.5, 2.0, True, "a"]}))
    for given, taken in ((16.0, 16), (2, 2.0), (0.5, 0.5), (True, True)):
        answer = study.post("/trials/enqueue", {"params": {"width": given}})
        assert (answer.status_code, repr(answer.json()["params"]["width"])) == (201, repr(taken))
    for other in (1, 1.0, 17.0):
        assert_problem(study.post("/trials/enqueue", {"params": {"width": other}}), 422)
