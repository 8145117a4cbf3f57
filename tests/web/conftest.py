"""A service with tokens, and browsers that come to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from lrtune.service.web import kept
from tests.api.calls import SPACE, Json, StudyCalls
from tests.api.conftest import create, serving

ORIGIN = {"Origin": "http://testserver"}
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browser:
    """Sends what a browser does, and keeps its cookies; follows no redirect."""

    def __init__(self, service: TestClient) -> None:
        self._service = service
        self.cookie: str | None = None

    def send(self, method: str, path: str, headers: Json | None = None, **body: object) -> Response:
        cookie = {} if self.cookie is None else {"Cookie": f"other=1; lrtune_session={self.cookie}"}
        request = self._service.build_request(method, path, headers={**PAGE, **cookie, **(headers or {})}, **body)  # type: ignore[arg-type]
        answer = self._service.send(request, follow_redirects=False)
        self._service.cookies.clear()
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition("=")[2].partition(";")[0].strip('"') or None
        return answer

    def get(self, path: str) -> Response:
        return self.send("GET", path)

    def sign_in(self, secret: str, **fields: str) -> Response:
        return self.send("POST", "/sign-in", ORIGIN, data={"token": secret, **fields})


@pytest.fixture(autouse=True)
def _nothing_rests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pages show is made anew at once, though it was made a moment ago; `test_kept.py` is about when it is not."""
    if not request.path.name.startswith("test_kept"):
        monkeypatch.setattr(kept, "_REST", 0.0)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[TestClient]:
    """A service without tokens yet."""
    with serving(f"sqlite:///{tmp_path}/web.db") as client:
        yield client


@pytest.fixture
def admin(service: TestClient) -> Json:
    """Its first token."""
    token: Json = service.post("/v1/tokens", json={"role": "admin", "name": "ada"}).json()
    return token


@pytest.fixture
def browser(service: TestClient, admin: Json) -> Browser:
    """Signed in as nobody."""
    return Browser(service)


@pytest.fixture
def signed_in(browser: Browser, admin: Json) -> Browser:
    """Signed in as the admin."""
    assert browser.sign_in(admin["secret"]).status_code == 303
    return browser


@pytest.fixture
def study(service: TestClient) -> StudyCalls:
    """A study of a rate alone, of the service without tokens."""
    space = {"learning_rate": SPACE["learning_rate"]}
    return create(
        service, name="rates", search_space=space, max_steps=5, max_trials=40, prior="none", metric="val_loss"
    )
