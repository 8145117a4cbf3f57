"""The page of a study, in a browser, while workers train."""

from playwright.sync_api import expect

from tests.browser.chromium import Tab
from tests.browser.conftest import Open
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service

_POINTS = """(number) => [...document.querySelectorAll("#picture-curves .js-plotly-plot")]
  .flatMap((plot) => plot.data).filter((trace) => trace.meta?.trial === number)
  .reduce((most, trace) => Math.max(most, trace.x.length), 0)"""


def _see(tab: Tab, picture: str) -> None:
    """Scroll to a picture, and wait until it is drawn."""
    figure = tab.page.locator(f"#picture-{picture}")
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".main-svg").first).to_be_visible()


def test_the_page_fills_and_says_what_the_api_says(service: Service, workers: Workers, tabs: Open) -> None:
    workers.fill(workers.create("fills"), 40)
    trained = workers.lease("fills")
    trained.report(1, 2.0)
    trained.end()
    tab = tabs(service.address)
    tab.open("/studies/fills")
    rate = workers.get("/v1/studies/fills/suggestion")["learning_rate"]
    shown = tab.page.locator("#answer strong.big").inner_text()
    assert float(shown) == float(f"{rate:.3g}")
    for picture in ("response", "curves", "best", "importance", "parameter", "parallel", "budget"):
        _see(tab, picture)


def test_the_answer_and_a_picture_are_there_without_scripts(
    service: Service, workers: Workers, browser: object
) -> None:
    workers.fill(workers.create("plain"), 12)
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    picture = page.locator("#picture-response svg.picture")
    for _ in range(20):  # A page does not wait for its picture; who comes next has it.
        page.goto(f"{service.address}/studies/plain")
        if picture.count():
            break
        page.wait_for_timeout(500)
    expect(page.locator("#answer strong.big")).to_be_visible()
    expect(picture).to_be_visible()
    context.close()


def test_a_curve_grows_with_each_report(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("grows")
    trial = workers.lease(study)
    trial.report(1, 2.0)
    trial.report(2, 1.5)
    tab = tabs(service.address)
    tab.open(f"/studies/{study}")
    _see(tab, "curves")
    for step, value in ((3, 1.2), (4, 1.0)):
        trial.report(step, value)
        tab.page.wait_for_function(f"() => ({_POINTS})({trial.number}) === {step}")
    expect(tab.page.locator("#workers tbody tr")).to_contain_text("4")


def test_a_trial_that_begins_and_one_that_diverges_appear(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("diverges")
    tab = tabs(service.address)
    tab.open(f"/studies/{study}")
    expect(tab.page.locator("#workers")).to_contain_text("No worker is training")
    trial = workers.lease(study, worker="gpu-7:1")
    expect(tab.page.locator("#workers")).to_contain_text("gpu-7:1")
    trial.report(1, "nan")
    trial.end("diverged")
    expect(tab.page.locator("#now .badge.diverged")).to_contain_text("1")
    expect(tab.page.locator("#trials")).to_contain_text("diverged")


def test_pause_and_resume(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("pauses")
    tab = tabs(service.address)
    tab.open(f"/studies/{study}")
    tab.page.get_by_role("button", name="Pause").click()
    expect(tab.page.locator("#now .badge.paused").first).to_be_visible()
    assert workers.get(f"/v1/studies/{study}")["paused"]
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_role("button", name="Pause")).to_be_visible()
    assert not workers.get(f"/v1/studies/{study}")["paused"]


def test_a_point_is_tried_and_a_budget_changed(service: Service, workers: Workers, tabs: Open) -> None:
    study = workers.create("asked")
    tab = tabs(service.address)
    tab.open(f"/studies/{study}")
    tab.page.get_by_role("button", name="Budgets").click()
    tab.page.get_by_role("spinbutton", name="Trials at the most").fill("77")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog[open]")).to_have_count(0)
    assert workers.get(f"/v1/studies/{study}")["max_trials"] == 77
    tab.page.get_by_role("button", name="Try a point").click()
    tab.page.locator("dialog[open]").get_by_label("learning_rate").fill("0.05")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("dialog[open]")).to_have_count(0)
    assert workers.get(f"/v1/studies/{study}/status")["trials"]["waiting"] == 1


def test_a_study_is_deleted_by_its_name_typed_and_who_watches_is_told(
    service: Service, workers: Workers, tabs: Open
) -> None:
    study = workers.create("goes")
    watching, deleting = tabs(service.address), tabs(service.address)
    for tab in (watching, deleting):
        tab.allow("answered 404", "404")
        tab.open(f"/studies/{study}")
    deleting.page.get_by_role("button", name="Delete").click()
    dialog = deleting.page.locator("dialog[open]")
    dialog.get_by_role("textbox").fill("goe")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_role("textbox").fill(study)
    dialog.get_by_role("button", name="Delete").click()
    deleting.page.wait_for_url(f"{service.address}/")
    expect(watching.page.locator("#banner")).to_contain_text("deleted")


def test_a_service_that_is_away_is_told_of_and_what_was_missed_comes(own_service: Service, tabs: Open) -> None:
    workers = Workers(own_service.address)
    study = workers.create("away")
    tab = tabs(own_service.address)
    tab.allow(
        "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "50[234]"
    )
    tab.open(f"/studies/{study}")
    expect(tab.page.locator("#now")).to_be_visible()
    own_service.kill()
    expect(tab.page.locator("#banner")).to_contain_text("cannot be reached")
    own_service.start()
    workers.lease(study, worker="gpu-9:1")
    expect(tab.page.locator("#workers")).to_contain_text("gpu-9:1", timeout=40_000)
    expect(tab.page.locator("#banner")).to_be_hidden()
