"""One report, and what a viewer of the study's page is sent for it."""

from collections.abc import Callable, Iterator

from tests.benchmarks.pages.paint import counting, settled
from tests.benchmarks.pages.served import LARGE, SMALL, Size, browsing, served
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.browser.chromium import SIZES
from tests.browser.workers import Workers

MOST_KIB = 2.0
MOST = 2.0
_SECONDS = 6.0
"""After a report whatever is asked for because of it has come."""


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """KiB that come to an open page for one report of a running trial, of the short and of the long study."""
    rounds = Rounds()
    with served(kind, size, say) as service, browsing() as browser:
        workers = Workers(service.address)
        for study in (SMALL, LARGE):
            width, height = SIZES["wide"]
            page = browser.new_page(viewport={"width": width, "height": height})
            trial = workers.lease(study)
            trial.report(1, 0.9)
            received = counting(page.context.new_cdp_session(page))
            page.goto(f"{service.address}/studies/{study}", wait_until="load")
            settled(page)
            page.wait_for_timeout(1000 * _SECONDS)
            for step in range(2, 2 + max(3, size.rounds)):
                before = sum(received.values())
                trial.report(step, 1 / step)
                page.wait_for_timeout(1000 * _SECONDS)
                came = (sum(received.values()) - before) / 1024
                rounds.add(study, came)
                say(f"{kind}, {study}, step {step}: {came:.2f} KiB")
            page.close()
    sides = rounds.sides()
    checks = (
        Check(sides[LARGE], None, MOST_KIB, False, size.judged),
        Check(sides[LARGE], sides[SMALL], MOST, False, size.judged),
    )
    yield Figure("update", "what a viewer is sent for one report", kind, size.large, "KiB", (*sides.values(),), checks)
