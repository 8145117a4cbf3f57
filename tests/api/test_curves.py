"""`GET …/curves`: all that trials reported, in pages and slices of bounded size."""

import pytest
from starlette.testclient import TestClient

from lrtune.service.tuning.views.curve_pages import POINTS_A_PAGE, CurvePaging
from lrtune.service.tuning.views.trials import LOOKED_AT_A_SLICE
from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy, create, serving
from tests.benchmarks.filling import STEPS, fill, spec_of

LONG = POINTS_A_PAGE + 1_234


def _all(study: StudyCalls, limit: int) -> list[list[Json]]:
    """The items of each page."""
    pages, query = [], {"limit": limit}
    while True:
        page = study.get("/curves", **query)
        pages.append(page["items"])
        if page["next_cursor"] is None:
            return pages
        query["cursor"] = page["next_cursor"]


def _points(pages: list[list[Json]]) -> list[tuple[int, int, float | str]]:
    parts = [part for page in pages for part in page]
    return [(p["trial"], *point) for p in parts for point in zip(p["steps"], p["values"], strict=True)]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_every_report_is_told_once_by_trial_and_step(each_study: NewStudy, limit: int) -> None:
    study = each_study(pruner={"name": "none"}, sampler={"name": "random"}, max_steps=9)
    told: list[tuple[int, int, float | str]] = []
    for number in range(4):
        trial = study.lease()
        if number == 2:
            continue  # It reports nothing.
        values = [0.5, 0.25 * number, "nan" if number == 3 else 1.5]
        study.verdict(trial, *reversed(list(enumerate(values, 1))))
        told += [(number, step, value) for step, value in enumerate(values, 1)]
    pages = _all(study, limit)
    assert _points(pages) == told
    assert max(len(page) for page in pages) <= limit


def test_a_long_curve_goes_on_on_the_next_page(client: TestClient) -> None:
    study = create(client, pruner={"name": "none"})
    for value in (1.0, 2.0, 3.0):
        reports = [{"step": step, "value": value} for step in range(LONG if value == 2.0 else 3, 0, -1)]
        body = {"params": {"learning_rate": 1e-3}, "state": "failed", "reports": reports}
        assert study.post("/trials/record", body).status_code == 201
    pages = _all(study, 1000)
    assert max(sum(len(part["steps"]) for part in page) for page in pages) == POINTS_A_PAGE
    expected = [(trial, s, trial + 1.0) for trial, count in enumerate((3, LONG, 3)) for s in range(1, count + 1)]
    assert _points(pages) == expected


def test_what_is_on_a_page_is_seen_in_slices_of_bounded_size(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/many.db"
    fill(url, [(spec_of("many"), 2_500)])
    with serving(url) as client:
        mirror = client.app.state.container.engine.load_name("many")  # type: ignore[attr-defined]
        looked = list(CurvePaging(mirror, None, 1000))
        assert looked == [LOOKED_AT_A_SLICE], "a page of 1,000 trials with 10 steps each is one slice and a rest"
        pages = _all(StudyCalls(client, "many"), 1000)
        assert [len(page) for page in pages] == [1000, 1000, 500]
        assert len(_points(pages)) == 2_500 * STEPS
        for trial in mirror.trials[:2_400]:
            trial.intermediate = {}
        assert max(after - before for before, after in zip([0, *looked], looked, strict=False)) <= LOOKED_AT_A_SLICE
        assert len(list(CurvePaging(mirror, None, 1000))) >= 2, "what has no curve is looked through in slices, too"


def test_a_study_without_reports_has_one_empty_page(new_study: NewStudy) -> None:
    study = new_study()
    study.lease()
    assert study.get("/curves") == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("cursor", ["bm90aGluZw==", "MS54", "LjE=", "%"])
def test_a_cursor_of_another_list_is_refused(new_study: NewStudy, cursor: str) -> None:
    study = new_study()
    response = study.client.get(f"{study.path}/curves", params={"cursor": cursor})
    assert "leave it out to begin anew" in assert_problem(response, 422)["detail"]
