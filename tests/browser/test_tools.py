"""Range test, schedules and scaling, as people use them."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.end_to_end.conftest import Service

_FIRST_CURVE = "() => document.querySelector('#drawn .plot').data?.[0]?.y.join()"


def test_the_made_example_is_analysed_and_drawn(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.open("/range-test")
    tab.page.get_by_role("button", name="An example").click()
    expect(tab.page.locator("#found")).to_contain_text("Train with")
    expect(tab.page.locator("#drawn .main-svg").first).to_be_visible()
    tab.shoot("range-test-found")


def test_a_wrong_line_is_named_and_found_in_the_text(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.allow("answered 422", "status of 422")
    tab.open("/range-test")
    field = tab.page.locator("#text")
    field.fill("1e-5, 2.3\n1e-4, 2.2\n1e-3, oh\n1e-2, 2.0")
    tab.page.get_by_role("button", name="Analyse").click()
    expect(tab.page.get_by_role("alert")).to_contain_text("line 3")
    chosen = field.evaluate("(field) => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert chosen == "1e-3, oh"


def test_a_chosen_file_is_analysed(service: Service, tabs: Open, tmp_path: Path) -> None:
    rates = [1e-6 * 1.3**index for index in range(60)]
    losses = [2.3 - 1.5 * min(1.0, index / 40) + (3.0 * (index - 50) if index > 50 else 0) for index in range(60)]
    file = tmp_path / "losses.csv"
    file.write_text("rate;loss\n" + "\n".join(f"{rate};{loss}" for rate, loss in zip(rates, losses, strict=True)))
    tab = tabs(service.address)
    tab.open("/range-test")
    tab.page.locator("#file").set_input_files(file)
    expect(tab.page.locator("#found")).to_contain_text("Train with")
    expect(tab.page.locator("#drawn .main-svg").first).to_be_visible()


def test_a_slider_moves_the_curve_and_schedules_come_and_go(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.open("/schedules")
    page = tab.page
    expect(page.locator("#drawn .main-svg").first).to_be_visible()
    before = page.evaluate(_FIRST_CURVE)
    page.get_by_label("warmup fraction, slider").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(before) => ({_FIRST_CURVE})() !== before", arg=before)
    assert "warmup_fraction" in page.url
    page.get_by_role("button", name="Add a schedule").click()
    page.wait_for_function("() => document.querySelector('#drawn .plot').data.filter((one) => one.name).length === 2")
    expect(page.locator("#told section")).to_have_count(2)
    tab.shoot("schedules-two")
    page.get_by_role("button", name="Remove schedule 1").click()
    expect(page.locator("#told section")).to_have_count(1)
    page.reload()
    expect(page.locator("#schedules fieldset")).to_have_count(1)
    expect(page.locator("#schedules select").first).to_have_value("wsd")


def test_code_of_a_schedule_is_in_tabs_that_the_keyboard_turns(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.open("/schedules?s=cosine")
    page = tab.page
    page.get_by_role("tab", name="JSON").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="torch")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="torch")).to_contain_text("torch")
    expect(page.get_by_role("tabpanel", name="JSON")).to_be_hidden()


def test_a_rate_is_scaled_and_what_is_wrong_is_said_beside_the_field(service: Service, tabs: Open) -> None:
    tab = tabs(service.address)
    tab.allow("answered 422", "status of 422")
    tab.open("/scaling")
    page = tab.page
    for name, value in (("Learning rate", "0.001"), ("Batch size", "256"), ("New batch size", "1024")):
        page.get_by_role("textbox", name=re.compile(f"^{name}")).fill(value)
    page.get_by_role("button", name="Scale it").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text("0.002")
    tab.shoot("scaling-answered")
    page.get_by_label("New batch size").fill("many")
    page.get_by_role("button", name="Scale it").click()
    expect(page.locator("#new_batch_size[aria-invalid]")).to_be_visible()
