"""A browser and a service for all tests here, and tabs on which nothing may go wrong unseen."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

playwright_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
)

from playwright.sync_api import Browser, expect  # noqa: E402

from tests.browser import chromium  # noqa: E402
from tests.browser.chromium import Tab  # noqa: E402
from tests.browser.workers import Workers  # noqa: E402

Open = Callable[..., Tab]
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here drive a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium.program() is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    with playwright_api.sync_playwright() as playwright:
        opened = chromium.launch(playwright)
        yield opened
        opened.close()


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Service]:
    """A service on SQLite."""
    with Programs(folder / "programs") as programs:
        yield Service(programs, f"sqlite:///{folder}/lrtune.db", *options)


@pytest.fixture(scope="session")
def shared_service(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("browser")) as service:
        yield service


@pytest.fixture(scope="module")
def service(shared_service: Service) -> Service:
    """A service for all tests that leave it running and open, and give their studies names of their own."""
    return shared_service


@pytest.fixture
def own_service(browser: Browser, tmp_path: Path) -> Iterator[Service]:
    """One that the test may stop."""
    with served(tmp_path) as service:
        yield service


@pytest.fixture
def workers(service: Service) -> Workers:
    """Who trains on that service."""
    return Workers(service.address)


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Open]:
    """`tabs(address, dark=…, size=…)` opens one. Nothing may have gone wrong on any afterwards but what it `allow`s."""
    with ExitStack() as stack:
        opened: list[Tab] = []

        def new(address: str, *, dark: bool = False, size: str = "wide") -> Tab:
            tab = stack.enter_context(chromium.tab(browser, address, dark=dark, size=size))
            opened.append(tab)
            return tab

        yield new
        assert [problem for tab in opened for problem in tab.unexpected()] == []
