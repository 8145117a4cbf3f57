import csv
import io
import uuid

import pytest
from starlette.testclient import TestClient

from tests.api.calls import SPACE, StudyCalls, assert_problem
from tests.api.conftest import NewStudy


def test_pages_of_trials_follow_each_other_by_number(each_study: NewStudy) -> None:
    study = each_study(sampler={"name": "random"})
    for _ in range(7):
        study.lease()
    numbers: list[int] = []
    query: dict[str, object] = {"limit": 3}
    while True:
        page = study.get("/trials", **query)
        assert len(page["items"]) <= 3
        numbers += [trial["number"] for trial in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert numbers == list(range(7))


def test_the_newest_trials_are_listed_first_where_that_is_asked_for(each_study: NewStudy) -> None:
    study = each_study(sampler={"name": "random"})
    for _ in range(5):
        study.finish(study.lease(), "failed", error=str(uuid.uuid4()))
    numbers: list[int] = []
    query: dict[str, object] = {"limit": 2, "newest": "true", "state": "failed"}
    while True:
        page = study.get("/trials", **query)
        numbers += [trial["number"] for trial in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert numbers == [4, 3, 2, 1, 0]


def test_trials_are_listed_by_state(study: StudyCalls) -> None:
    states = ["complete", "failed", "complete", "diverged", "pruned"]
    for state in states:
        study.finish(study.lease(), state, value=1.0 if state == "complete" else None)
    study.lease()
    study.release(study.lease())
    assert [trial["number"] for trial in study.trials(state="complete")] == [0, 2]
    for state in ("failed", "diverged", "pruned", "running", "waiting"):
        assert [trial["state"] for trial in study.trials(state=state)] == [state]
    first = study.get("/trials", state="complete", limit=1)
    assert study.get("/trials", state="complete", limit=1, cursor=first["next_cursor"])["items"][0]["number"] == 2
    response = study.client.get(study.path + "/trials", params={"state": "happy"})
    assert assert_problem(response, 422)["errors"][0]["loc"] == ["query", "state"]


@pytest.mark.parametrize("cursor", ["x", "!!", "é", "LTE=", "wrI=", "AA==", "0"])
def test_a_cursor_that_this_service_did_not_give_is_refused(study: StudyCalls, cursor: str) -> None:
    found = assert_problem(study.client.get(study.path + "/trials", params={"cursor": cursor}), 422)
    assert found["errors"][0]["loc"][-1] == "cursor"


def test_the_csv_has_a_row_for_each_trial_and_a_column_for_each_parameter(each_study: NewStudy) -> None:
    study = each_study(search_space=SPACE, max_steps=5)
    done, lost = study.lease(), study.lease(worker='a "quoted", worker\nof two lines')
    study.verdict(done, (1, 0.5))
    study.finish(done)
    study.finish(lost, "diverged")
    response = study.client.get(study.path + "/trials.csv")
    assert response.headers["content-type"].startswith("text/csv")
    assert f'filename="{study.name}.csv"' in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["state"] for row in rows] == ["complete", "diverged"]
    assert [row["value"] for row in rows] == ["0.5", ""]
    assert rows[1]["worker"] == 'a "quoted", worker\nof two lines'
    for row, trial in zip(rows, (done, lost), strict=True):
        shown = {name: row[f"params.{name}"] for name in SPACE}
        assert shown == {name: str(trial["params"].get(name, "")) for name in SPACE}


@pytest.mark.parametrize("worker", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_the_csv_is_a_formula(study: StudyCalls, worker: str) -> None:
    study.lease(worker=worker)
    (row,) = csv.DictReader(io.StringIO(study.client.get(study.path + "/trials.csv").text))
    assert row["worker"] == f"'{worker}"


def test_an_unknown_trial_is_a_404_that_says_which_there_are(study: StudyCalls) -> None:
    assert "no trials yet" in assert_problem(study.client.get(study.path + "/trials/0"), 404)["detail"]
    study.lease()
    found = assert_problem(study.client.get(study.path + "/trials/1"), 404, "trial-not-found")
    assert "0" in found["detail"]


@pytest.mark.parametrize("number", ["-1", "x", "1.5", str(2**31), "9" * 400])
def test_a_trial_is_known_by_a_whole_number(client: TestClient, study: StudyCalls, number: str) -> None:
    assert_problem(client.get(f"{study.path}/trials/{number}"), 422)
