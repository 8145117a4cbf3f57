"""Studies with little, much or strange in them: each has a page that makes sense, and nothing of it runs."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.workers import SPACE, Workers
from tests.end_to_end.conftest import Service

ODD_TEXT = (
    '<script>window.ran = 1</script><img src=x onerror="window.ran = 1">'
    " \u202eright to left\u202c 'quoted' \U0001f600 $x^2$"
)


def _point(rate: float) -> dict[str, object]:
    return {"learning_rate": rate, "optimizer": "sgd", "weight_decay": 1e-3}


def _one(workers: Workers, study: str) -> None:
    workers.record(study, _point(0.1), [2.0, 1.0, 0.5])


def _all_diverged(workers: Workers, study: str) -> None:
    for number in range(5):
        workers.record(study, _point(1 + number), [3.0, "inf", "nan"], state="diverged")


def _all_failed(workers: Workers, study: str) -> None:
    for _ in range(2):
        workers.lease(study, worker="w<b>:1").end("failed", error=ODD_TEXT)


def _all_equal(workers: Workers, study: str) -> None:
    for number in range(6):
        workers.record(study, _point(10.0 ** (-number)), [1.0] * 5)


def _not_finite(workers: Workers, study: str) -> None:
    for number in range(4):
        workers.record(study, _point(10.0 ** (-number)), ["nan", "inf", "-inf", 1e308, -1e308, 0.5])


def _nothing(workers: Workers, study: str) -> None:
    pass


def _maximising(workers: Workers, study: str) -> None:
    for number in range(8):
        workers.record(study, _point(10.0 ** (-number / 2)), [0.1, 0.5, 0.9 - number / 20])


def _many_parameters(workers: Workers, study: str) -> None:
    for number in range(5):
        params = {f"p{index}": 0.1 + number / 10 for index in range(199)}
        workers.record(study, {"learning_rate": 10.0 ** (-number), **params}, [1.0, 0.5 + number / 9])


def _long(workers: Workers, study: str) -> None:
    for start in range(4):
        reports = [{"step": 100 * number, "value": 2.0 / (1 + number / 400)} for number in range(1, 20_001)]
        body = {"params": _point(10.0 ** (-start)), "reports": reports}
        workers.post(f"/v1/studies/{study}/trials/record", body)


def _without_rate(workers: Workers, study: str) -> None:
    for number in range(8):
        workers.record(study, {"layers": 1 + number % 4, "kind": "ab"[number % 2]}, [1.0, 0.9 - number / 20])


_NARROW = {"layers": {"type": "int", "low": 1, "high": 6}, "kind": {"type": "categorical", "choices": ["a", "b"]}}
_WIDE = {"learning_rate": SPACE["learning_rate"]} | {
    f"p{index}": {"type": "float", "low": 0, "high": 1} for index in range(199)
}
STUDIES: dict[str, tuple[dict[str, object], Callable[[Workers, str], None]]] = {
    "none": ({}, _nothing),
    "one": ({}, _one),
    "all-diverged": ({}, _all_diverged),
    "all-failed": ({}, _all_failed),
    "all-equal": ({}, _all_equal),
    "without-rate": ({"search_space": _NARROW}, _without_rate),
    "not-finite": ({}, _not_finite),
    "maximising": ({"direction": "maximize", "metric": "accuracy"}, _maximising),
    "two-hundred-parameters": ({"search_space": _WIDE}, _many_parameters),
    "two-million-steps": ({"max_steps": 2_000_000}, _long),
    "odd-text": (
        {"description": ODD_TEXT, "metric": ODD_TEXT[:150], "tags": {ODD_TEXT[:60]: ODD_TEXT[:150]}},
        _all_failed,
    ),
}


@pytest.mark.parametrize("name", STUDIES)
def test_an_odd_study_has_pages_that_make_sense(name: str, service: Service, workers: Workers, tabs: Open) -> None:
    spec, filled = STUDIES[name]
    filled(workers, workers.create(name, **spec))
    tab = tabs(service.address)
    tab.open(f"/studies/{name}")
    page = tab.page
    expect(page.locator("#answer")).to_be_visible()
    for figure in page.locator("figure[data-picture]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg, .empty").first).to_be_visible()
        expect(figure).not_to_contain_text("cannot be shown")
    assert page.evaluate("() => window.ran") is None
    assert "NaN" not in page.locator("main").inner_text()
    tab.shoot(f"odd-{name}")
    if workers.get(f"/v1/studies/{name}")["trials"]:
        tab.open(f"/studies/{name}/trials/0")
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_timeout(500)
        assert page.evaluate("() => window.ran") is None
        tab.shoot(f"odd-{name}-trial")
