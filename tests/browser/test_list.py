"""The list of studies in a browser: filtered, sorted, and quick where there are a thousand."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.browser.conftest import Open, served
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service

_MANY = 1_000
_FILTER_SECONDS = 2.0
_MOST_BYTES = 256 * 1024


@pytest.fixture(scope="module")
def service(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One of its own, whose studies are counted."""
    with served(tmp_path_factory.mktemp("list")) as service:
        yield service


@pytest.fixture(scope="module", autouse=True)
def _studies(service: Service) -> None:
    workers = Workers(service.address)

    def create(number: int) -> None:
        workers.create(f"study-{number:04}", tags={"family": "cnn" if number % 2 else "mlp"})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(create, range(_MANY)))
    for rank, name in enumerate(("study-0003", "study-0500")):
        workers.record(name, {"learning_rate": 0.1, "optimizer": "sgd", "weight_decay": 1e-3}, [1.0, 0.5 - 0.1 * rank])


def test_a_thousand_studies_are_filtered_and_sorted_in_place(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    sizes: list[int] = []

    def took(request: Request) -> None:
        if request.resource_type in ("document", "fetch"):
            sizes.append(request.sizes()["responseBodySize"])

    tab.page.on("requestfinished", took)
    tab.open("/")
    expect(tab.page.locator("#counted")).to_have_text("1000 studies")
    rows = tab.page.locator("tr[data-study]")
    begun = time.monotonic()
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("0500")
    expect(rows).to_have_count(1)
    assert time.monotonic() - begun < _FILTER_SECONDS
    assert "q=0500" in tab.page.url
    tab.page.get_by_label("Name").fill("")
    tab.page.get_by_role("link", name="Best", exact=True).click()
    expect(rows.first).to_contain_text("study-0500")
    expect(rows.nth(1)).to_contain_text("study-0003")
    tab.page.get_by_label("Tag").fill("family=cnn")
    expect(tab.page.locator("#counted")).to_contain_text("500")
    expect(rows.first).to_contain_text("study-0003")
    tab.page.go_back()
    expect(rows.first).not_to_contain_text("study-0500")
    assert max(sizes) < _MOST_BYTES


def test_a_study_that_is_made_and_one_that_changes_come_into_the_list(
    service: Service, workers: Workers, tabs: Open
) -> None:
    tab = tabs(service.address)
    with tab.page.expect_response(lambda answer: answer.url.endswith("/v1/events")):
        tab.open("/")
    workers.create("just-made")
    row = tab.page.locator('tr[data-study="just-made"]')
    expect(row).to_be_visible()
    workers.patch("just-made", paused=True)
    expect(row.locator(".badge.paused")).to_be_visible()
