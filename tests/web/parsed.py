"""Pages, parsed; and studies to look at."""

from html.parser import HTMLParser
from typing import Any

from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls
from tests.web.conftest import PAGE


class Page(HTMLParser):
    """A page, parsed: its elements, and the text in those with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.elements.append((tag, told))
        if tag in ("dt", "dd", "li", "p", "td", "th", "button"):
            self.handle_data(" ")
        if tag not in ("meta", "link", "input", "br", "img", "progress", "hr"):
            self._open.append((tag, told.get("id")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name is not None:
                self.texts[name] = self.texts.get(name, "") + data

    def text(self, name: str) -> str:
        return " ".join(self.texts[name].split())

    def ids(self) -> set[str]:
        return {str(told["id"]) for _, told in self.elements if "id" in told}

    def all(self, tag: str, attribute: str) -> list[str]:
        return [str(told[attribute]) for name, told in self.elements if name == tag and attribute in told]


def opened(client: TestClient, study: str, below: str = "") -> Page:
    answer = client.get(f"/studies/{study}{below}", headers=PAGE)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def record(study: StudyCalls, learning_rate: float, value: float | str | None, **more: Any) -> None:
    body: Json = {"params": {"learning_rate": learning_rate, **more.pop("params", {})}, **more}
    answer = study.post("/trials/record", body if value is None else body | {"value": value})
    assert answer.status_code == 201, answer.text


def trained(study: StudyCalls) -> None:
    for index in range(12):
        learning_rate = 10 ** (-4.5 + index / 3)
        record(study, learning_rate, (index - 6) ** 2 / 30 + 0.1)
    record(study, 0.9, None, state="diverged", reports=[{"step": 1, "value": "inf"}])


def failed(study: StudyCalls) -> None:
    for _ in range(3):
        lease = study.ask().json()
        body = {"lease": lease["lease"], "state": "failed", "error": "RuntimeError: no GPU 7"}
        assert study.post(f"/trials/{lease['number']}/result", body).status_code == 200
