"""A body of a mebibyte costs whoever sent it: it is answered, and the event loop goes on meanwhile."""

import gc
import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import create
from tests.api.large_bodies import INVALID, INVALID_ANYWHERE, SIZE, VALID, VALID_STUDIES, watched

HELD_SECONDS = 1.0
"""Far beyond what a body may cost, for a machine that is busy with other tests; `bench abuse` has the figures."""
TRIES = 3
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module", autouse=True)
def _garbage_as_in_a_service() -> Iterator[None]:
    """What a whole test run has left behind is not gone through meanwhile, as in `lrtune serve`."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def shared(client: TestClient) -> Iterator[tuple[StudyCalls, Json]]:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"})
    return study, study.lease()


def _post_while_watched(client: TestClient, path: str, content: bytes) -> tuple[int, Json]:
    """The status and body of the answer; the loop was not held up in the best of a few tries."""
    longest: list[float] = []
    for _ in range(TRIES):
        with watched(client) as held:
            response = client.post(path, content=content, headers=JSON)
        longest += held
        if longest[-1] < HELD_SECONDS:
            break
    assert min(longest) < HELD_SECONDS, longest
    return response.status_code, response.json()


@pytest.mark.parametrize("case", [*INVALID, *INVALID_ANYWHERE])
def test_an_invalid_body_of_a_mebibyte_is_refused_in_a_few_words_and_holds_nobody_up(
    shared: tuple[StudyCalls, Json], case: str
) -> None:
    study, _ = shared
    path, content = INVALID_ANYWHERE[case] if case in INVALID_ANYWHERE else INVALID[case]
    assert len(content) <= SIZE
    status, found = _post_while_watched(study.client, path if case in INVALID_ANYWHERE else study.path + path, content)
    assert status in (400, 422)
    assert len(found.get("errors", ())) <= 20
    assert len(json.dumps(found)) < 30_000
    assert len(found["detail"]) < 2_000


@pytest.mark.parametrize("case", VALID)
def test_a_valid_large_body_is_taken_and_holds_nobody_up(client: TestClient, case: str) -> None:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"})
    below, content = VALID[case]
    content = content.replace(b"LEASE", study.lease()["lease"].encode())
    status, _ = _post_while_watched(client, study.path + below, content)
    assert status in (200, 201)


@pytest.mark.parametrize("case", VALID_STUDIES)
def test_a_large_study_is_made_and_loaded_and_holds_nobody_up(client: TestClient, case: str) -> None:
    name = f"large-{list(VALID_STUDIES).index(case)}"
    spec = {"name": name, "sampler": {"name": "random"}, **VALID_STUDIES[case]}
    assert _post_while_watched(client, "/v1/studies", json.dumps(spec).encode())[0] in (201, 409)
    assert _post_while_watched(client, "/v1/studies", json.dumps({**spec, "if_exists": "load"}).encode())[0] == 200
    StudyCalls(client, name).lease()


# How many errors are told


@pytest.mark.parametrize(
    ("reports", "more"),
    [
        ([{}] * 8_000, 15_999),
        ([{}] * 10, 19),
        ([{}] * 11, 21),
        ([{"step": 1, "value": None}] * 36_000, 35_999),
        ([{"step": 1, "value": 1.0}] * 36_000 + [{"step": 1.5, "value": 1}] * 30, 29),
    ],
)
def test_twenty_errors_are_shown_and_the_others_are_counted(
    shared: tuple[StudyCalls, Json], reports: list[Json], more: int
) -> None:
    body = {"params": {"learning_rate": 0.1}, "reports": reports}
    found = assert_problem(shared[0].post("/trials/record", body), 422, "invalid-body")
    assert len(found["errors"]) == min(20, more + 1)
    assert f"(and {more:,} more)" in found["detail"]
    assert len({json.dumps(error) for error in found["errors"]}) == len(found["errors"])


def test_errors_are_counted_wherever_they_are(client: TestClient) -> None:
    bad = {"type": "categorical", "choices": [[]] * 900}
    body = {"name": "x", "search_space": {f"p{n}": bad for n in range(100)}, "max_trials": "ten"}
    found = assert_problem(client.post("/v1/studies", json=body), 422, "invalid-body")
    assert found["errors"][0]["loc"] == ["search_space", "p0", "choices", 0]
    assert len(found["errors"]) == 20
    assert f"(and {900 * 100:,} more)" in found["detail"]


def test_the_last_of_many_reports_is_named_where_it_is_the_bad_one(shared: tuple[StudyCalls, Json]) -> None:
    reports: list[Json] = [{"step": step, "value": 1.0} for step in range(30_000)]
    body = {"params": {"learning_rate": 0.1}, "reports": [*reports, {"step": "last", "value": 1.0}]}
    (error,) = assert_problem(shared[0].post("/trials/record", body), 422)["errors"]
    assert error["loc"] == ["reports", 30_000, "step"]


def test_a_place_that_is_no_unicode_is_told_in_valid_utf_8(shared: tuple[StudyCalls, Json]) -> None:
    content = json.dumps({"params": {"\ud800": {f"k{n:060}": 1 for n in range(300)}}}).encode()
    response = shared[0].client.post(f"{shared[0].path}/trials/enqueue", content=content, headers=JSON)
    found = assert_problem(response, 422, "invalid-body")
    assert found["errors"] == [{"loc": ["params", "?"], "msg": found["errors"][0]["msg"]}]


def test_an_answer_is_short_whatever_it_quotes(client: TestClient) -> None:
    choices = [f"{n:04000}" for n in range(200)]
    study = create(client, search_space={"c": {"type": "categorical", "choices": choices}})
    response = study.post("/trials/enqueue", {"params": {"c": "x" * 4000}})
    assert assert_problem(response, 422)["errors"][0]["loc"] == ["params", "c"]
    assert len(response.content) < 5_000


# Limits


def _space(count: int, choices: int) -> Json:
    return {f"p{n}": {"type": "categorical", "choices": list(range(choices))} for n in range(count)}


def _when(parents: int, values: int) -> Json:
    parent = {"type": "int", "low": 0, "high": 10**6}
    listed = {f"n{n}": list(range(values)) for n in range(parents)}
    return {**{f"n{n}": parent for n in range(parents)}, "c": {**parent, "when": listed}}


@pytest.mark.parametrize(
    ("body", "loc", "limit"),
    [
        ({"search_space": _space(201, 1)}, ["search_space"], 200),
        ({"search_space": _space(1, 1001)}, ["search_space", "p0", "choices"], 1000),
        ({"search_space": _space(21, 1000)}, ["search_space"], 20_000),
        ({"search_space": _when(1, 1001)}, ["search_space", "c", "when", "n0"], 1000),
        ({"search_space": _when(21, 1000)}, ["search_space"], 20_000),
        (
            {"search_space": {"c": {"type": "categorical", "choices": ["x" * 4001]}}},
            ["search_space", "c", "choices", 0],
            4000,
        ),
        ({"tags": {str(n): "x" for n in range(51)}}, ["tags"], 50),
        ({"tags": {"a": "x" * 201}}, ["tags", "a"], 200),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_limit_of_a_study_is_named_where_it_is_passed(
    client: TestClient, body: Json, loc: list[str], limit: int
) -> None:
    found = assert_problem(client.post("/v1/studies", json={"name": "limits", **body}), 422, "invalid-body")
    assert found["errors"][0]["loc"] == loc
    assert str(limit) in found["errors"][0]["msg"]


@pytest.mark.parametrize(
    ("below", "body", "loc", "limit"),
    [
        ("/trials/0/reports", {"lease": "x", "reports": [{"step": 1, "value": 1}] * 1001}, ["reports"], 1000),
        ("/trials/record", {"params": {"a": 1}, "reports": [{"step": 1, "value": 1}] * 100_001}, ["reports"], 100_000),
        ("/trials/enqueue", {"params": {f"p{n}": 1 for n in range(201)}}, ["params"], 200),
        ("/range-tests", {"learning_rates": [1.0] * 10_001, "losses": [1]}, ["learning_rates"], 10_000),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_limit_of_a_call_is_named_where_it_is_passed(
    shared: tuple[StudyCalls, Json], below: str, body: Json, loc: list[str], limit: int
) -> None:
    content = json.dumps(body, separators=(",", ":")).replace('{"step":1,"value":1}', "{}").encode()
    response = shared[0].client.post(shared[0].path + below, content=content, headers=JSON)
    found = assert_problem(response, 422, "invalid-body")
    assert found["errors"][0]["loc"] == loc
    assert str(limit) in found["errors"][0]["msg"]
