"""A study of the service, driven as its workers and readers drive it: over HTTP, in this process."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
    "num_layers": {"type": "int", "low": 1, "high": 6},
}
"""A mixed space with a condition."""

Json = dict[str, Any]


@dataclass(frozen=True)
class StudyCalls:
    """The calls about one study."""

    client: TestClient
    name: str

    @property
    def path(self) -> str:
        return f"/v1/studies/{self.name}"

    def get(self, below: str = "", **query: Any) -> Json:
        response = self.client.get(self.path + below, params=query)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    def post(self, below: str, body: Json) -> Response:
        return self.client.post(self.path + below, json=body)

    def patch(self, **fields: Any) -> Json:
        response = self.client.patch(self.path, json=fields)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    def ask(self, request_id: str | None = None, worker: str = "host:1", **flags: Any) -> Response:
        body = {"worker": worker, "request_id": request_id or uuid.uuid4().hex, **flags}
        return self.post("/trials", body)

    def done_reason(self, request_id: str | None = None, **flags: Any) -> str:
        """Why there is nothing more to train; there has to be nothing."""
        answer: Json = self.ask(request_id, **flags).json()
        assert answer["done"], answer
        assert answer["explanation"], answer
        reason: str = answer["reason"]
        return reason

    def lease(self, request_id: str | None = None, worker: str = "host:1", **flags: Any) -> Json:
        """A trial; the study has to have one."""
        response = self.ask(request_id, worker, **flags)
        assert response.status_code == 201, response.text
        found: Json = response.json()
        return found

    def report(self, trial: Json, *reports: tuple[int, Any], checkpoint: Json | None = None) -> Response:
        body: Json = {"lease": trial["lease"], "reports": [{"step": s, "value": v} for s, v in reports]}
        if checkpoint is not None:
            body["checkpoint"] = checkpoint
        return self.post(f"/trials/{trial['number']}/reports", body)

    def verdict(self, trial: Json, *reports: tuple[int, Any], checkpoint: Json | None = None) -> Json:
        response = self.report(trial, *reports, checkpoint=checkpoint)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    def heartbeat(self, trial: Json) -> Response:
        return self.post(f"/trials/{trial['number']}/heartbeat", {"lease": trial["lease"]})

    def result(self, trial: Json, state: str, **more: Any) -> Response:
        return self.post(f"/trials/{trial['number']}/result", {"lease": trial["lease"], "state": state, **more})

    def finish(self, trial: Json, state: str = "complete", **more: Any) -> Json:
        response = self.result(trial, state, **more)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    def release(self, trial: Json, checkpoint: Json | None = None, **more: Any) -> Response:
        body = {"lease": trial["lease"], "checkpoint": checkpoint, **more}
        return self.post(f"/trials/{trial['number']}/release", body)

    def trial(self, number: int) -> Json:
        return self.get(f"/trials/{number}")

    def trials(self, **query: Any) -> list[Json]:
        found: list[Json] = self.get("/trials", **query)["items"]
        return found

    def expire(self) -> None:
        """Take back what was not renewed, now rather than at the sweeper's next round."""
        self.client.app.state.container.trials.expire()  # type: ignore[attr-defined]


def assert_problem(response: Response, status: int, kind: str | None = None) -> Json:
    """The response's problem, which has all that a problem has to have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: Json = response.json()
    assert body["type"]
    assert body["title"]
    assert body["status"] == status
    assert body["detail"]
    if kind is not None:
        assert body["type"] == kind
    return body


def in_threads(count: int, work: Callable[[int], Any], timeout_seconds: float = 60.0) -> Sequence[Any]:
    """What `work` returns in each of `count` threads that begin together."""
    together = threading.Barrier(count, timeout=timeout_seconds)

    def begin(index: int) -> Any:
        together.wait()
        return work(index)

    with ThreadPoolExecutor(count) as threads:
        futures = [threads.submit(begin, index) for index in range(count)]
        return [future.result(timeout_seconds) for future in futures]


def train_all(
    study: StudyCalls, threads: int, train: Callable[[Json], Any], timeout_seconds: float = 40.0
) -> list[Json]:
    """Ask and `train` in `threads` threads until each is told that all is done; return what was leased.

    When one of them fails, the others end as well.
    """
    failed = threading.Event()
    deadline = time.monotonic() + timeout_seconds

    def work(_: int) -> list[Json]:
        leased: list[Json] = []
        try:
            while True:
                response = study.ask()
                assert response.status_code in (200, 201), response.text
                assert time.monotonic() < deadline, f"not done after {len(leased)} trials: {response.text}"
                reply = response.json()
                if response.status_code == 201:
                    train(reply)
                    leased.append(reply)
                elif reply["done"] or failed.wait(0.01):
                    return leased
        except BaseException:
            failed.set()
            raise

    return [trial for of_thread in in_threads(threads, work) for trial in of_thread]


def assert_in_space(space: Json, params: Json) -> None:
    """Every parameter that exists has a value within its bounds, and no other has one."""
    for name, parameter in space.items():
        active = all(params.get(parent) in values for parent, values in (parameter.get("when") or {}).items())
        assert (name in params) == active, (name, params)
        if not active:
            continue
        value = params[name]
        if parameter["type"] == "categorical":
            assert value in parameter["choices"]
            continue
        assert parameter["low"] <= value <= parameter["high"]
        if parameter["type"] == "int":
            assert isinstance(value, int)
    assert params.keys() <= space.keys()
