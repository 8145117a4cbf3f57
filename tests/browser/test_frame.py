"""What all pages have: colours, copying, and a place behind a proxy; and what a dialog says that is refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Open, served
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service, environ
from tests.support.processes import Programs

_TICKS = """() => getComputedStyle(document.querySelector("#picture-response .xtick text")).fill"""


def test_colours_are_chosen_kept_and_worn_by_pictures(service: Service, workers: Workers, tabs: Open) -> None:
    workers.fill(workers.create("painted"), 12)
    tab = tabs(service.address)
    tab.open("/studies/painted")
    expect(tab.page.locator("#picture-response .xtick text").first).to_be_visible()
    light = tab.page.evaluate(_TICKS)
    tab.page.get_by_label("Colours").select_option("dark")
    tab.page.wait_for_function(f"(light) => ({_TICKS})() !== light", arg=light)
    tab.open("/")
    assert tab.page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    back = tab.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    tab.page.get_by_label("Colours").select_option("light")
    assert tab.page.evaluate("() => getComputedStyle(document.body).backgroundColor") != back


def test_the_answer_is_copied_and_that_is_said(service: Service, workers: Workers, tabs: Open) -> None:
    workers.fill(workers.create("copied"), 12)
    tab = tabs(service.address)
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.open("/studies/copied")
    tab.page.get_by_text("Take it along").press("Enter")
    tab.page.locator("#answer").get_by_role("tab", name="YAML").click()
    tab.page.locator("#answer").get_by_role("button", name="Copy").press("Enter")
    expect(tab.page.get_by_text("Copied", exact=True)).to_be_attached()
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    rate = workers.get("/v1/studies/copied/suggestion")["learning_rate"]
    assert f"learning_rate: {rate:.4g}" in copied


def test_a_dialog_says_why_the_service_refuses(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("refuses")
    tab = tabs(service.address)
    tab.allow("answered 4", "status of 4")
    tab.open(f"/studies/{study}")
    tab.page.get_by_role("button", name="Try a point").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Queue it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("at least one value")
    dialog.get_by_label("learning_rate").fill("100")
    dialog.get_by_label("learning_rate").evaluate("(field) => field.removeAttribute('max')")
    dialog.get_by_role("button", name="Queue it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("learning_rate")
    expect(dialog).to_be_visible()


def test_a_line_of_a_legend_hides_what_it_stands_for(service: Service, workers: Workers, tabs: Open) -> None:
    workers.fill(workers.create("legend"), 20)
    tab = tabs(service.address)
    tab.open("/studies/legend")
    line = tab.page.locator("#picture-response .legend").get_by_role("button", name="diverged")
    line.press("Enter")
    expect(line).to_have_attribute("aria-pressed", "false")
    shown = """() => document.querySelector("#picture-response .plot").data
      .some((trace) => trace.legendgroup?.startsWith("diverged:") && trace.visible !== false)"""
    assert not tab.page.evaluate(shown)


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """Of an admin of the service behind a proxy: without one it would not start."""
    command = [sys.executable, "-m", "lrtune.service.cli.main", "token", "create", "--role", "admin", "--offline"]
    with Programs(tmp_path / "token") as programs:
        made = programs.run(command, environ(LRTUNE_STORAGE=f"sqlite:///{tmp_path}/lrtune.db"), 60)
        return made.stdout.strip()


@pytest.fixture
def behind(browser: Browser, tmp_path: Path, secret: str) -> Iterator[Service]:
    with served(tmp_path, "--root-path", "/lrtune") as service:
        yield service


def test_pages_work_behind_a_path_of_a_proxy(behind: Service, secret: str, tabs: Open) -> None:
    address = f"{behind.address}/lrtune"
    workers = Workers(address, secret)
    workers.fill(workers.create("here"), 12)
    tab = tabs(address)
    tab.allow("401")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.open("/studies/here")
    tab.page.get_by_label("Token").fill(secret)
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.wait_for_url(f"{address}/studies/here")
    expect(tab.page.locator("#picture-response .main-svg").first).to_be_visible()
    workers.lease("here", worker="gpu-6:1")
    expect(tab.page.locator("#workers")).to_contain_text("gpu-6:1")
    tab.page.get_by_role("button", name="Pause").click()
    expect(tab.page.locator("#now .badge.paused").first).to_be_visible()
    tab.page.get_by_role("link", name="Studies").click()
    tab.page.get_by_role("link", name="here").click()
    tab.page.wait_for_url(f"{address}/studies/here")
    assert [url for url in asked if not url.startswith((f"{address}/", "blob:", "data:"))] == []
