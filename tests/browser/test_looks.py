"""Every page, light and dark, wide and on a phone: nothing wider than the screen, and nothing that shuts people out."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service

PAGES = {
    "studies": "/",
    "study": "/studies/looked-at",
    "trial": "/studies/looked-at/trials/3",
    "compare": "/compare?study=looked-at&study=beside",
    "kept-range-test": "/studies/looked-at/range-tests/0",
    "range-test": "/range-test",
    "schedules": "/schedules",
    "scaling": "/scaling",
    "sign-in": "/sign-in",
    "not-there": "/studies/nowhere",
}
LOOKS = {"wide-light": {}, "wide-dark": {"dark": True}, "phone-light": {"size": "phone"}}
_RATES = [10 ** (-6 + index / 12) for index in range(76)]


@pytest.fixture(scope="module", autouse=True)
def _studies(service: Service) -> None:
    workers = Workers(service.address)
    workers.search(workers.create("looked-at", description="ResNet-18 on CIFAR-10", tags={"family": "cnn"}), 30)
    workers.fill(workers.create("beside"), 12, seed=1)
    losses = [2.3 - 1.8 / (1 + (1e-3 / rate) ** 0.8) + max(0.0, 40 * (rate - 0.1)) for rate in _RATES]
    workers.post("/v1/studies/looked-at/range-tests", {"learning_rates": _RATES, "losses": losses, "batch_size": 64})
    trial = workers.lease("looked-at")
    for step in range(1, 6):
        trial.report(step, 2 / step)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_the_screen_and_shuts_nobody_out(name: str, look: str, service: Service, tabs: Open) -> None:
    tab = tabs(service.address, **LOOKS[look])
    tab.allow("404")
    tab.open(PAGES[name])
    page = tab.page
    for figure in page.locator("figure[data-picture]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg, .empty").first).to_be_visible()
    page.evaluate("() => scrollTo(0, 0)")
    page.wait_for_timeout(300)
    tab.shoot(f"{name}-{look}")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    told = [{"id": one["id"], "where": [node["html"][:200] for node in one["nodes"][:3]]} for one in serious]
    assert told == [], json.dumps(told, indent=1)


def test_studies_are_compared_from_the_list(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.open("/")
    for name in ("looked-at", "beside"):
        tab.page.get_by_role("row", name=name).get_by_role("checkbox").check()
    tab.page.get_by_role("button", name="Compare").click()
    tab.page.wait_for_url("**/compare?**")
    expect(tab.page.locator("figure .main-svg").first).to_be_visible()


def test_a_page_is_used_by_keyboard_alone(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.open("/studies/beside")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("() => document.activeElement.textContent").startswith("Skip")
    tab.page.get_by_role("button", name="Notes").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog[open]")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("dialog[open]")).to_have_count(0)
    assert "Notes" in tab.page.evaluate("() => document.activeElement.textContent")
