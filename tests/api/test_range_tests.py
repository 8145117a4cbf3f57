"""`/v1/range-tests` and those kept with a study."""

import json
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.wire.range_tests import MOST_POINTS
from tests.api.calls import SPACE, Json, StudyCalls, assert_in_space, assert_problem
from tests.api.conftest import NewStudy

RATES = [10 ** (-5 + 0.1 * step) for step in range(60)]
"""1e-5 to 0.79."""


def losses(best: float = 1e-2, edge: float = 0.3) -> list[Any]:
    """A loss that falls to `best`, rises after it, and is not finite from `edge` on."""
    curve = [2.0 - 1.5 / (1.0 + (math.log10(rate / best)) ** 2) for rate in RATES]
    return ["nan" if rate >= edge else loss for rate, loss in zip(RATES, curve, strict=True)]


BODY: Json = {"learning_rates": RATES, "losses": losses(), "smoothing": 0.0, "batch_size": 64}


def test_a_range_test_is_analysed_and_kept_nowhere(client: TestClient) -> None:
    response = client.post("/v1/range-tests", json=BODY)
    assert response.status_code == 200, response.text
    found = response.json()
    assert found["suggestions"].keys() == {"valley", "steepest", "slide", "minimum_over_10"}
    minimum = found["suggestions"]["minimum_over_10"]
    assert minimum == pytest.approx(1e-3, rel=0.25)
    assert found["diverged_at"] == pytest.approx(10**-0.5)
    assert found["recommended"] == pytest.approx(math.sqrt(minimum * 10**-0.5 / 20))
    assert found["signal"]
    low, high = found["bounds"]
    assert low < found["recommended"] < high == pytest.approx(10 * minimum)
    assert len(found["smoothed"]) == sum(loss != "nan" for loss in BODY["losses"])
    assert (found["warnings"], found["still_falling_at"], found["rising_from"]) == ([], None, None)


def test_a_test_that_ends_too_soon_is_told_so(client: TestClient) -> None:
    body = {"learning_rates": RATES[:25], "losses": losses()[:25]}
    found = client.post("/v1/range-tests", json=body).json()
    assert found["still_falling_at"] == RATES[24]
    assert found["warnings"] == [
        "The loss is still falling at 0.00251, the highest rate tried: widen the test upwards."
    ]
    assert RATES[0] <= found["recommended"] <= RATES[24]


def test_seeds_of_different_lengths_are_read_together(client: TestClient) -> None:
    body = BODY | {"other_seeds": [losses(best=1e-3)[:55], losses(best=1e-1, edge=2.0)]}
    found = client.post("/v1/range-tests", json=body).json()
    assert found["suggestions"]["minimum_over_10"] == pytest.approx(1e-3, rel=0.25)
    assert "3 of 3 seeds" in found["reason"]


def test_a_flat_curve_gets_a_reason_and_no_number(client: TestClient) -> None:
    found = client.post("/v1/range-tests", json=BODY | {"losses": [0.7] * len(RATES)}).json()
    assert (found["signal"], found["recommended"], found["bounds"], found["diverged_at"]) == (False, None, None, None)
    assert set(found["suggestions"].values()) == {None}
    assert "does not fall" in found["reason"]


@pytest.mark.parametrize("rate", [0, -1e-3, 1e400, float("nan"), "0.1", None, True])
def test_a_rate_that_is_none_is_refused_by_its_place(client: TestClient, study: StudyCalls, rate: Any) -> None:
    rates = [*RATES[:3], rate, *RATES[4:]]
    for path in ("/v1/range-tests", f"{study.path}/range-tests"):
        text = json.dumps(BODY | {"learning_rates": rates})
        response = client.post(path, content=text, headers={"content-type": "application/json"})
        body = assert_problem(response, 422, "invalid-body")
        assert body["errors"][0]["loc"] == ["learning_rates", 3]


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"learning_rates": RATES[::-1]}, "learning_rates", "must rise"),
        ({"learning_rates": [RATES[0]] * 60}, "learning_rates", "must rise"),
        ({"learning_rates": []}, "learning_rates", "must not be empty"),
        ({"losses": losses()[:-1]}, "losses", "59 losses, 60 rates"),
        ({"losses": []}, "losses", "must not be empty"),
        ({"other_seeds": [[1.0] * 61]}, "other_seeds", "61 losses, 60 rates"),
        ({"smoothing": 1.0}, "smoothing", "less than 1"),
        ({"smoothing": -0.1}, "smoothing", "must be at least 0"),
        ({"batch_size": 0}, "batch_size", "must be at least 1"),
    ],
)
def test_what_cannot_be_a_range_test_is_refused_by_name(
    client: TestClient, changed: Json, field: str, said: str
) -> None:
    body = assert_problem(client.post("/v1/range-tests", json=BODY | changed), 422, "invalid-body")
    assert body["errors"][0]["loc"][0] == field
    assert said in body["errors"][0]["msg"]


def test_the_points_of_all_seeds_are_limited(client: TestClient) -> None:
    count = MOST_POINTS // 2 + 1
    rates = [1e-6 * 1.001**step for step in range(count)]
    body = {"learning_rates": rates, "losses": [1.0] * count, "other_seeds": [[1.0] * count]}
    found = assert_problem(client.post("/v1/range-tests", json=body), 422, "invalid-body")
    assert found["errors"][0]["loc"] == ["other_seeds"]


def test_the_longest_range_test_is_analysed(client: TestClient) -> None:
    rates = [1e-7 * 10 ** (8 * step / MOST_POINTS) for step in range(MOST_POINTS)]
    body = {"learning_rates": rates, "losses": [1.0 - min(step / 9e3, 0.9) for step in range(MOST_POINTS)]}
    assert client.post("/v1/range-tests", json=body).json()["signal"]


def keep(study: StudyCalls, **changed: Any) -> Json:
    response = study.post("/range-tests", BODY | changed)
    assert response.status_code == 201, response.text
    found: Json = response.json()
    return found


def test_range_tests_are_kept_listed_and_shown_with_their_curves(each_study: NewStudy) -> None:
    study = each_study()
    first = keep(study, other_seeds=[losses()[:50]])
    second = keep(study, batch_size=None, losses=["inf", *losses()[1:]])
    assert [first["number"], second["number"]] == [0, 1]
    assert first["losses"] == [losses(), losses()[:50]]
    assert study.get("/range-tests/0") == first
    assert study.get("/range-tests/1") == second
    curve = {"learning_rates", "losses", "smoothed"}
    shown = [{name: value for name, value in test.items() if name not in curve} for test in (first, second)]
    page = study.get("/range-tests", limit=1)
    assert page["items"] == shown[:1]
    rest = study.get("/range-tests", cursor=page["next_cursor"])
    assert (rest["items"], rest["next_cursor"]) == (shown[1:], None)
    assert_problem(study.client.get(f"{study.path}/range-tests/2"), 404, "range-test-not-found")
    assert_problem(study.client.get(f"{study.path}/range-tests?cursor=enp6"), 422)
    assert_problem(study.client.get("/v1/studies/nobody/range-tests"), 404, "study-not-found")


def test_a_repeated_request_keeps_one_range_test(study: StudyCalls) -> None:
    first = keep(study, request_id="r-1")
    again = study.post("/range-tests", BODY | {"request_id": "r-1"})
    assert (again.status_code, again.json()) == (200, first)
    other = study.post("/range-tests", BODY | {"request_id": "r-1", "batch_size": 65})
    assert_problem(other, 409, "request-id-taken")
    assert len(study.get("/range-tests")["items"]) == 1


def test_a_deleted_study_takes_its_range_tests_with_it(each_study: NewStudy) -> None:
    study = each_study()
    keep(study)
    assert study.client.delete(study.path).status_code == 204
    assert study.client.post("/v1/studies", json={"name": study.name}).status_code == 201
    assert study.get("/range-tests")["items"] == []


def test_a_range_test_is_the_prior_until_a_trial_is_complete(new_study: NewStudy) -> None:
    study = new_study(search_space=SPACE, tags={"optimizer": "sgd"})
    assert study.get("/suggestion")["basis"] == "prior"
    kept = keep(study, optimizer="adamw")
    found = study.get("/suggestion")
    assert (found["basis"], found["trials"]) == ("range_test", 0)
    assert found["learning_rate"] == kept["recommended"]
    assert found["params"]["learning_rate"] == kept["recommended"]
    assert found["params"]["optimizer"] == "adamw"
    assert_in_space(SPACE, found["params"])
    low, high = found["interval"]
    assert low < found["learning_rate"] < high <= kept["diverged_at"]
    assert found["max_stable_learning_rate"] == kept["diverged_at"]
    assert "1 range test recommends" in found["explanation"]
    assert study.get("/status")["suggestion"] == found
    study.finish(study.lease(), value=0.5)
    assert study.get("/suggestion")["basis"] == "best_trial"


def test_several_range_tests_are_taken_together_and_cut_to_the_bounds(new_study: NewStudy) -> None:
    space = {"learning_rate": {**SPACE["learning_rate"], "high": 1e-3}}
    study = new_study(search_space=space)
    tests = [keep(study, losses=losses(best=best)) for best in (1e-3, 1e-2, 1e-1)]
    middle = sorted(test["recommended"] for test in tests)[1]
    assert middle > 1e-3
    found = study.get("/suggestion")
    assert (found["basis"], found["learning_rate"]) == ("range_test", 1e-3)
    assert "Cut to the bounds" in found["explanation"]
    assert found["interval"][1] <= 1e-3


def test_a_range_test_without_signal_is_kept_and_changes_nothing(study: StudyCalls) -> None:
    before = study.get("/suggestion")
    assert not keep(study, losses=[1.0] * len(RATES))["signal"]
    assert study.get("/suggestion") == before


def test_trials_that_diverged_below_it_pull_the_range_test_down(new_study: NewStudy) -> None:
    study = new_study(search_space={"learning_rate": SPACE["learning_rate"]})
    kept = keep(study, losses=losses(best=0.1))
    for rate in (1e-3, 2e-3, 5e-3, 1e-2):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "state": "diverged"})
    found = study.get("/suggestion")
    assert found["basis"] == "range_test"
    assert found["learning_rate"] < 2e-3 < kept["recommended"]
    assert found["interval"][1] <= kept["diverged_at"]


def test_the_optimizer_of_a_range_test_must_be_one_that_the_study_searches(new_study: NewStudy) -> None:
    study = new_study(search_space=SPACE)
    body = assert_problem(study.post("/range-tests", BODY | {"optimizer": "lion"}), 422, "invalid-body")
    assert body["errors"][0]["loc"] == ["optimizer"]
    assert "sgd, adamw" in body["errors"][0]["msg"]


def test_a_study_without_a_learning_rate_keeps_range_tests_and_suggests_none(new_study: NewStudy) -> None:
    study = new_study(search_space={"num_layers": {"type": "int", "low": 1, "high": 3}})
    keep(study)
    assert study.get("/suggestion")["learning_rate"] is None
