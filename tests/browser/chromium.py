"""Chromium as a test drives it: nothing leaves the host, and what the console says is kept."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, Response, Route

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_HERE = ("127.0.0.1", "localhost", "")


def program() -> str | None:
    """Where Chromium lies; None where it is not installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """A browser without anything of its own to tell or to ask for."""
    return playwright.chromium.launch(executable_path=program(), args=list(_FLAGS))


@dataclass
class Tab:
    """A page of the browser, and what went wrong on it."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    """Errors of scripts and of the console, requests that would have left the host, answers of 400 and more."""
    allowed: list[str] = field(default_factory=list)
    """Patterns of problems that the test brings about."""

    def open(self, path: str) -> None:
        """Go there, and wait for the document."""
        self.page.goto(self.address + path, wait_until="domcontentloaded")

    def allow(self, *patterns: str) -> None:
        """Problems like these are what the test is about."""
        self.allowed.extend(patterns)

    def unexpected(self) -> list[str]:
        """What went wrong, but for what is allowed."""
        return [told for told in self.problems if not any(re.search(pattern, told) for pattern in self.allowed)]

    def shoot(self, name: str) -> None:
        """The whole page as `build/screenshots/NAME.png`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@contextmanager
def tab(browser: Browser, address: str, *, dark: bool = False, size: str = "wide") -> Iterator[Tab]:
    """A tab with cookies of its own."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.set_default_timeout(20_000)
    try:
        opened = Tab(context.new_page(), address)
        _watch(context, opened)
        yield opened
    finally:
        context.close()


def _watch(context: BrowserContext, opened: Tab) -> None:
    problems = opened.problems

    def on_route(route: Route, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in _HERE:
            problems.append(f"leaves the host: {request.url}")
            route.abort()
        else:
            route.continue_()

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console {message.type}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"answered {response.status}: {response.url}")

    context.route(re.compile(r"^(?!https?://(127\.0\.0\.1|localhost)[:/])"), on_route)
    opened.page.on("console", on_console)
    opened.page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    opened.page.on("response", on_response)
