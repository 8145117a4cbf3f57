"""Who is signed in as what, and what the pages offer."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Open, served
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service


@pytest.fixture(scope="module")
def service(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One of its own: it is not open to everybody."""
    with served(tmp_path_factory.mktemp("roles")) as service:
        yield service


@pytest.fixture(scope="module")
def secrets(service: Service) -> dict[str, str]:
    """Tokens by role; the viewer's holds for `cifar-*` alone."""
    anyone = Workers(service.address)
    for name in ("cifar-a", "cifar-b", "mnist-a"):
        anyone.create(name)
    admin = anyone.post("/v1/tokens", {"role": "admin", "name": "ada"})["secret"]
    holder = Workers(service.address, admin)
    viewer = holder.post("/v1/tokens", {"role": "viewer", "name": "vera", "scopes": ["cifar-*"]})["secret"]
    return {"admin": admin, "viewer": viewer}


def _sign_in(tab: Tab, secret: str) -> None:
    tab.allow("401", "answered 401")
    tab.page.get_by_label("Token").fill(secret)
    tab.page.get_by_role("button", name="Sign in").click()


def test_a_stranger_signs_in_and_comes_to_where_he_wanted(
    service: Service, secrets: dict[str, str], tabs: Open
) -> None:
    tab = tabs(service.address)
    tab.allow("401", "answered 401")
    tab.open("/studies/cifar-a")
    expect(tab.page.get_by_label("Token")).to_be_visible()
    _sign_in(tab, secrets["admin"])
    tab.page.wait_for_url(f"{service.address}/studies/cifar-a")
    expect(tab.page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_viewer_sees_no_buttons_and_no_study_out_of_scope(
    service: Service, secrets: dict[str, str], tabs: Open
) -> None:
    tab = tabs(service.address)
    tab.allow("403")
    tab.open("/sign-in")
    _sign_in(tab, secrets["viewer"])
    tab.open("/")
    expect(tab.page.get_by_role("link", name="cifar-a")).to_be_visible()
    assert "mnist-a" not in tab.page.content()
    tab.open("/studies/cifar-a")
    expect(tab.page.locator("#answer")).to_be_visible()
    for name in ("Pause", "Stop", "Budgets", "Try a point", "Notes", "Delete"):
        assert tab.page.get_by_role("button", name=name).count() == 0
    assert tab.page.locator("dialog, form[data-call], [data-call]").count() == 0
    tab.open("/studies/mnist-a")
    expect(tab.page.locator("body")).to_contain_text("Not with this token")


def test_the_page_ends_with_the_token(service: Service, secrets: dict[str, str], tabs: Open) -> None:
    admin = Workers(service.address, secrets["admin"])
    made = admin.post("/v1/tokens", {"role": "viewer", "name": "short"})
    tab = tabs(service.address)
    tab.allow("401", "ERR_INCOMPLETE_CHUNKED", "EventSource")
    tab.open("/sign-in")
    _sign_in(tab, made["secret"])
    tab.open("/studies/cifar-a")
    expect(tab.page.locator("#answer")).to_be_visible()
    admin.revoke(made["id"])
    expect(tab.page.get_by_label("Token")).to_be_visible()
    assert "/sign-in" in tab.page.url
