"""The first look at a study's page: what the service works, what it sends, and when the first picture is there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from tests.benchmarks.pages.served import LARGE, SMALL, Size, browsing, served
from tests.benchmarks.storage.figures import Check, Figure, Rounds, Side
from tests.browser.chromium import SIZES

MOST = 2.0
"""The long study's cost, as a ratio to the short one's."""
MOST_KIB = 1024.0
MOST_SECONDS = 1.5

_QUIET_SECONDS = 0.3
_NOTE_FIRST_PLOT = """
new MutationObserver((_, watching) => {
  if (!document.querySelector(".plot svg")) return;
  window.firstPlot = performance.now();
  watching.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
_SETTLED = """() => document.querySelector(".plot .main-svg") && [...document.querySelectorAll(".plot[aria-busy=true]")]
  .every((plot) => plot.getBoundingClientRect().top > innerHeight + 400)"""
_TIMINGS = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((entry) => !entry.name.includes("/assets/") && !entry.name.includes("/events"))
  .map((entry) => entry.responseStart - entry.requestStart)"""


@dataclass(frozen=True)
class Look:
    """One visit: milliseconds for which answers were waited for, all together; bytes, without plotly.js; seconds to the
    first picture."""

    server: float
    kib: float
    first_plot: float
    live: float
    """Seconds until all pictures in sight answer to the pointer."""


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """Server time, bytes and time to the first picture, of the long study beside the short one, in turns."""
    looks: dict[str, list[Look]] = {SMALL: [], LARGE: []}
    with served(kind, size, say) as service, browsing() as browser, _context(browser) as context:
        for study in (SMALL, LARGE):
            first = _look(context, service.address, study)
            say(f"{kind}, {study}, the first look after the start: {_told(first)}")
        for number in range(size.rounds):
            for study in (SMALL, LARGE) if number % 2 else (LARGE, SMALL):
                looks[study].append(_look(context, service.address, study))
                say(f"{kind}, {study}, look {number + 1} of {size.rounds}: {_told(looks[study][-1])}")
    yield from _figures(kind, looks, size)


def _context(browser: Browser) -> BrowserContext:
    width, height = SIZES["wide"]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_init_script(_NOTE_FIRST_PLOT)
    return context


def _look(context: BrowserContext, address: str, study: str) -> Look:
    page = context.new_page()
    try:
        session = context.new_cdp_session(page)
        received = counting(session)
        page.goto(f"{address}/studies/{study}", wait_until="load")
        settled(page)
        seconds: float = page.evaluate("() => window.firstPlot / 1000")
        live: float = page.evaluate("() => performance.now() / 1000") - _QUIET_SECONDS
        waits: list[float] = page.evaluate(_TIMINGS)
        return Look(sum(waits), sum(received.values()) / 1024, seconds, live)
    finally:
        page.close()


def settled(page: Page) -> None:
    """Wait until all pictures in sight are drawn."""
    page.wait_for_function(_SETTLED, timeout=60_000)
    page.wait_for_timeout(1000 * _QUIET_SECONDS)


def counting(session: CDPSession) -> dict[str, float]:
    """Bytes of each answer but plotly.js, as they came over the wire, filled in from now on."""
    received: dict[str, float] = {}
    aside: set[str] = set()

    def asked(event: dict[str, Any]) -> None:
        if "/assets/plotly-" in event["request"]["url"] and ".min.js" in event["request"]["url"]:
            aside.add(event["requestId"])

    def came(event: dict[str, Any]) -> None:
        if event["requestId"] not in aside:
            received[event["requestId"]] = received.get(event["requestId"], 0.0) + _size(event)

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.dataReceived", came)
    session.send("Network.enable")
    return received


def _size(event: dict[str, Any]) -> float:
    return float(event["encodedDataLength"] or event["dataLength"])


def _figures(kind: str, looks: dict[str, list[Look]], size: Size) -> Iterator[Figure]:
    units = {"server": ("server time of the study's page", "ms"), "kib": ("bytes of it", "KiB")}
    units |= {"first_plot": ("time to its first picture", "s"), "live": ("time to pictures that answer", "s")}
    alone = {"kib": MOST_KIB, "first_plot": MOST_SECONDS}
    for name, (title, unit) in units.items():
        rounds = Rounds()
        for study, found in looks.items():
            for look in found:
                rounds.add(study, getattr(look, name))
        sides: dict[str, Side] = rounds.sides()
        checks = [Check(sides[LARGE], sides[SMALL], MOST, False, size.judged)]
        if name in alone:
            checks.append(Check(sides[LARGE], None, alone[name], False, size.judged))
        yield Figure(name, title, kind, size.large, unit, tuple(sides.values()), tuple(checks))


def _told(look: Look) -> str:
    seconds = f"first picture after {look.first_plot:.2f} s, alive after {look.live:.2f} s"
    return f"{look.server:.0f} ms, {look.kib:.0f} KiB, {seconds}"
