"""Pages hold no script and no style of their own, and what people wrote stays text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lrtune.service.web import assets
from lrtune.service.web.assets import PLOTLY
from tests.api.calls import Json
from tests.web.conftest import Browser
from tests.web.test_studies_page import PAGE

HOSTILE = '\u202egnp"><script>alert(1)</script><img src=x onerror=alert(2)>\u2066😀'
ADDRESSES = ["/", "/?q=%3Cscript%3E", "/compare?study=one&study=two", "/studies/one", "/nothing-here", "/sign-in"]


class Read(HTMLParser):
    """What a page holds that a policy without `unsafe-inline` forbids, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.loaded: list[str] = []
        self._in = ""
        self.isolated = self.turned = self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = tag
        self._depth += tag == "bdi"
        self.forbidden += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.forbidden += [
            f"{tag} {value}" for value in given.values() if (value or "").lower().startswith("javascript:")
        ]
        if tag == "style":
            self.forbidden.append("style")
        if tag in ("script", "link", "img"):
            self.loaded.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.turned += "\u202e" in data
        self.isolated += "\u202e" in data and self._depth > 0
        if self._in == "script" and data.strip():
            self.forbidden.append(f"script {data[:40]}")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""
        self._depth -= tag == "bdi"


@pytest.fixture
def odd(service: TestClient) -> TestClient:
    """Studies that are described by somebody with bad intentions."""
    for name in ("one", "two"):
        spec = {
            "name": name,
            "metric": HOSTILE,
            "tags": {HOSTILE: HOSTILE, "whose": name},
            "description": HOSTILE,
            "search_space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}},
        }
        assert service.post("/v1/studies", json=spec).status_code == 201
        trial = {"params": {"learning_rate": 0.1}, "state": "complete", "value": 0.5}
        assert service.post(f"/v1/studies/{name}/trials/record", json=trial).status_code == 201
    return service


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_holds_script_or_style_and_none_loads_from_elsewhere(odd: TestClient, address: str) -> None:
    answer = odd.get(address, headers=PAGE)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    read = Read()
    read.feed(answer.text)
    assert read.forbidden == []
    assert read.loaded
    for source in read.loaded:
        assert source.startswith("/assets/"), source
        assert odd.get(source).status_code == 200, source


@pytest.mark.parametrize("address", ["/", "/compare?study=one&study=two"])
def test_what_people_wrote_is_text_and_turns_no_other_text_round(odd: TestClient, address: str) -> None:
    page = odd.get(address, headers=PAGE).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    read = Read()
    read.feed(page)
    assert read.isolated == read.turned > 0


def test_no_file_of_ours_makes_code_of_text() -> None:
    folder = Path(assets.__file__).parent / "files"
    for script in folder.rglob("*.js"):
        assert not re.search(r"\beval\(|new Function|document\.write|innerHTML|outerHTML", script.read_text()), (
            script.name
        )


def test_what_a_script_imports_is_there() -> None:
    folder = Path(assets.__file__).parent / "files"
    imported = [
        script.parent / found
        for script in folder.rglob("*.js")
        for found in re.findall(r'^import [^"]*"([^"]+)"', script.read_text(), re.MULTILINE)
    ]
    assert imported
    assert [str(path) for path in imported if not path.is_file()] == []


def test_the_documentation_and_the_icon_are_still_there(service: TestClient) -> None:
    assert "swagger-ui" in service.get("/docs", headers=PAGE).text
    icon = service.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert service.get(f"/assets/{PLOTLY}").headers["cache-control"].endswith("immutable")


def test_the_pages_of_one_card_have_the_look_of_all_others(browser: Browser, admin: Json) -> None:
    page = browser.get("/sign-in").text
    assert "/assets/look/style.css" in page
    assert "<style" not in page
    assert browser.get("/").headers["location"] == "/sign-in?next=/"
