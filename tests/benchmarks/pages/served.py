"""A service process over a database with a short and a long study, and Chromium to look at them."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.databases import databases_of
from tests.benchmarks.filling import fill, spec_of
from tests.benchmarks.processes import BenchError
from tests.browser import chromium
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

SMALL, LARGE = "small", "large"


@dataclass(frozen=True)
class Size:
    """Trials of the two studies, steps of each training, and how often each is looked at."""

    small: int = 100
    large: int = 100_000
    steps: int = 50
    rounds: int = 7
    judged: bool = True


QUICK = Size(20, 400, 10, 1, judged=False)


@contextlib.contextmanager
def filled(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[str]:
    """The URL of a database with both studies, for the length of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="lrtune-pages-") as folder,
        databases_of(kind, Path(folder), say, None) as databases,
    ):
        url = databases.empty("pages")
        say(f"{kind}: filling a database with {size.large:,} trials of {size.steps} steps")
        studies = [(spec_of(SMALL, steps=size.steps), size.small), (spec_of(LARGE, steps=size.steps), size.large)]
        fill(url, studies, size.steps)
        try:
            yield url
        finally:
            databases.drop(url)


@contextlib.contextmanager
def served(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Service]:
    """A service over such a database."""
    with (
        tempfile.TemporaryDirectory(prefix="lrtune-pages-") as folder,
        filled(kind, size, say) as url,
        Programs(Path(folder)) as programs,
    ):
        yield Service(programs, url)


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser. Raises BenchError where there is none."""
    if chromium.program() is None:
        raise BenchError("Chromium is not installed (Debian: apt install chromium)")
    os.environ.setdefault("NODE_NO_WARNINGS", "1")  # Of playwright's own program.
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        try:
            yield browser
        finally:
            browser.close()
