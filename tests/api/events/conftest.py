"""A service on a real socket, and streams of its events."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.access.served import Served, served

SECONDS = 30.0
Json = dict[str, Any]


@dataclass
class Event:
    name: str
    id: str
    data: Json


@dataclass
class Stream:
    """One that is read event by event."""

    response: httpx2.Response
    events: Iterator[httpx2.ServerSentEvent] = field(init=False)

    def __post_init__(self) -> None:
        self.events = iter(httpx2.EventSource(self.response))

    def next(self) -> Event:
        for one in self.events:
            if one.data:
                return Event(one.event, one.id, json.loads(one.data))
        raise AssertionError("the stream ended")

    def until(self, right: Callable[[Event], Any]) -> list[Event]:
        """The events up to the first that is right."""
        found = [self.next()]
        while not right(found[-1]):
            found.append(self.next())
        return found

    def rest(self) -> list[str]:
        return [one.event for one in self.events if one.data]


@dataclass
class Calls:
    """A service, and what is asked of it."""

    served: Served
    http: httpx2.Client
    stack: ExitStack
    count: int = 0

    def ask(self, method: str, path: str, body: Json | None = None, **how: Any) -> Any:
        answer = self.http.request(method, path, json=body, **how)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def study(self, name: str, **spec: Any) -> str:
        """A new study's path."""
        body = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "prior": "none", **spec}
        self.ask("POST", "/v1/studies", {"name": name, **body})
        return f"/v1/studies/{name}"

    def lease(self, path: str) -> Json:
        self.count += 1
        leased: Json = self.ask("POST", f"{path}/trials", {"worker": "w", "request_id": str(self.count)})
        return leased

    def report(self, path: str, trial: Json, *reports: tuple[int, Any]) -> None:
        told = [{"step": step, "value": value} for step, value in reports]
        self.ask("POST", f"{path}/trials/{trial['number']}/reports", {"lease": trial["lease"], "reports": told})

    def finish(self, path: str, trial: Json, state: str = "complete", **more: Any) -> None:
        body = {"lease": trial["lease"], "state": state, **more}
        self.ask("POST", f"{path}/trials/{trial['number']}/result", body)

    def watch(self, path: str, last: str = "", **headers: str) -> Stream:
        """A stream of the events at `path`, for as long as any test may take."""
        if "for_seconds" not in path:
            path += f"{'&' if '?' in path else '?'}for_seconds={SECONDS}"
        told = headers | ({"Last-Event-ID": last} if last else {})
        response = self.stack.enter_context(self.http.stream("GET", path, headers=told))
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return Stream(response)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(f"sqlite:///{tmp_path_factory.mktemp('events')}/events.db") as found:
        yield found


@pytest.fixture
def calls(serving: Served) -> Iterator[Calls]:
    limits = httpx2.Limits(max_connections=100)
    with (
        httpx2.Client(base_url=f"http://127.0.0.1:{serving.port}", timeout=SECONDS, limits=limits) as http,
        ExitStack() as stack,
    ):
        yield Calls(serving, http, stack)


@pytest.fixture
def own_calls(tmp_path: Path) -> Iterator[Calls]:
    """Of a service that no other test knows."""
    with (
        served(f"sqlite:///{tmp_path}/own.db") as found,
        httpx2.Client(base_url=f"http://127.0.0.1:{found.port}", timeout=SECONDS) as http,
        ExitStack() as stack,
    ):
        yield Calls(found, http, stack)
