"""Pages that are watched while things happen, go wrong, or are kept from them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Open
from tests.browser.withholding import How, withholding
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service

_MARKS = """(name) => [...document.querySelectorAll("#picture-response .js-plotly-plot")]
  .flatMap((plot) => plot.data)
  .filter((trace) => (trace.name ?? "").startsWith(name) && trace.x.some((x) => x !== null))
  .reduce((sum, trace) => sum + trace.x.length, 0)"""


def test_a_diverged_trial_appears_in_the_picture(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("cliff")
    workers.fill(study, 6)
    tab = tabs(service.address)
    tab.open(f"/studies/{study}")
    expect(tab.page.locator("#picture-response .main-svg").first).to_be_visible()
    before = tab.page.evaluate(f"() => ({_MARKS})('diverged')")
    trial = workers.lease(study)
    trial.report(1, "nan")
    trial.end("diverged")
    tab.page.wait_for_function(f"() => ({_MARKS})('diverged') === {before + 1}")


@pytest.mark.parametrize("how", ["body", "head", "refused"])
def test_long_polling_takes_over_where_events_are_kept_back(
    service: Service, workers: Workers, tabs: Open, how: How
) -> None:
    study = workers.create(f"kept-back-{how}")
    with withholding(service.address, how) as address:
        tab = tabs(address)
        tab.allow("ERR_EMPTY_RESPONSE")
        with tab.page.expect_request(re.compile(r"/status\?wait_seconds="), timeout=30_000):
            tab.open(f"/studies/{study}")
        workers.lease(study, worker="gpu-3:1")
        expect(tab.page.locator("#workers")).to_contain_text("gpu-3:1")
        expect(tab.page.locator("#banner")).to_be_hidden()
        tab.page.close()


def test_the_list_is_read_again_and_again_where_events_are_kept_back(
    service: Service, workers: Workers, tabs: Open
) -> None:
    with withholding(service.address, "refused") as address:
        tab = tabs(address)
        tab.allow("ERR_EMPTY_RESPONSE")
        workers.create("there-before")
        tab.open("/?q=there-")
        workers.create("there-after")
        expect(tab.page.locator("#list")).to_contain_text("there-after", timeout=30_000)
        expect(tab.page.locator("#banner")).to_be_hidden()
        tab.page.close()


def test_a_page_that_was_offline_catches_up(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("sleeps")
    tab = tabs(service.address)
    tab.allow("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED")
    with tab.page.expect_response(re.compile("/events")):
        tab.open(f"/studies/{study}")
    tab.page.context.set_offline(True)
    trial = workers.lease(study, worker="gpu-4:1")
    trial.report(1, 0.5)
    tab.page.context.set_offline(False)
    expect(tab.page.locator("#workers")).to_contain_text("gpu-4:1")
    trial.end()
    expect(tab.page.locator("#now .badge.complete")).to_contain_text("1")


def _wait_until_quiet(tab: Tab, asked: list[str]) -> None:
    """Until all that the page loads at first has been asked for; forget it then."""
    for _ in range(20):
        asked.clear()
        tab.page.wait_for_timeout(1_500)
        if not asked:
            return
    raise AssertionError(f"the page goes on asking for {asked}")


def test_a_hidden_page_asks_for_nothing_and_catches_up_when_seen(
    service: Service, workers: Workers, tabs: Open
) -> None:
    study = workers.create("hidden")
    tab = tabs(service.address)
    tab.page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => window.away === true });"
        "window.turn = (away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); };"
    )
    with tab.page.expect_response(re.compile("/events")):
        tab.open(f"/studies/{study}")
    expect(tab.page.locator("#workers")).to_contain_text("No worker")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    _wait_until_quiet(tab, asked)
    tab.page.evaluate("() => turn(true)")
    workers.lease(study, worker="gpu-5:1").report(1, 0.5)
    tab.page.wait_for_timeout(3_000)  # Longer than parts and pictures wait before they come anew.
    assert [url for url in asked if "/assets/" not in url] == []
    tab.page.evaluate("() => turn(false)")
    expect(tab.page.locator("#workers")).to_contain_text("gpu-5:1")


def test_the_page_of_a_trial_grows_with_it(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("one-in-training")
    trial = workers.lease(study)
    trial.report(1, 2.0)
    trial.report(2, 1.5)
    tab = tabs(service.address)
    tab.open(f"/studies/{study}/trials/{trial.number}")
    plot = tab.page.locator("figure[data-live] .plot")
    expect(plot.locator(".main-svg").first).to_be_visible()
    trial.report(3, 1.25)
    expect(tab.page.locator("#body")).to_contain_text("1.25")
    points = "() => document.querySelector('figure[data-live] .plot').data.some((trace) => trace.x.at(-1) === 3)"
    tab.page.wait_for_function(points)
    trial.end()
    expect(tab.page.locator("#body .badge.complete")).to_be_visible()
