"""A service in memory: a function for a mock transport, or behind a real socket."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

STUDY = {
    "name": "s",
    "direction": "minimize",
    "metric": "loss",
    "search_space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}},
    "sampler": {"name": "auto", "seed": 0},
    "pruner": {"name": "auto"},
    "max_trials": 2,
    "max_total_steps": None,
    "max_steps": 3,
    "lease_ttl_seconds": 60.0,
    "max_attempts": 3,
    "tags": {},
    "description": "",
    "paused": False,
    "stopped": False,
    "state": "running",
    "trials": 0,
    "created_at": "2026-01-01T00:00:00Z",
}


SUGGESTION = {
    "learning_rate": 0.00312,
    "interval": [0.00181, 0.0052],
    "max_stable_learning_rate": None,
    "params": {"learning_rate": 0.00312},
    "expected_value": 0.034,
    "basis": "best_trial",
    "trials": 24,
    "explanation": "the best of 24 trials",
}
TRIAL: dict[str, Any] = {
    "number": 0,
    "state": "waiting",
    "params": {"learning_rate": 0.1},
    "value": None,
    "attempt": 0,
    "worker": None,
    "step": None,
    "max_steps": 3,
    "checkpoint": None,
    "error": None,
    "started_at": None,
    "finished_at": None,
    "duration_seconds": None,
}
DIAGNOSIS = {"verdict": "too_low", "evidence": ["falls slowly", "ends at 0.3, short of the best, 0.1"]}
RESPONSE: dict[str, Any] = {
    "study": "s",
    "parameter": "learning_rate",
    "metric": "loss",
    "direction": "minimize",
    "categories": {"optimizer": "sgd"},
    "points": [
        {"trial": 0, "learning_rate": 1e-3, "value": 0.5, "state": "complete"},
        {"trial": 1, "learning_rate": 1e-2, "value": 0.1, "state": "complete"},
        {"trial": 2, "learning_rate": 3e-2, "value": 0.3, "state": "complete"},
        {"trial": 3, "learning_rate": 0.5, "value": None, "state": "diverged"},
    ],
    "fit": {
        "learning_rates": [1e-5, 1e-2, 1.0],
        "mean": [0.6, 0.1, 0.9],
        "low": [0.4, 0.05, 0.2],
        "high": [0.8, 0.2, 3.0],
        "noise": [0.1, 0.1, 0.2],
    },
    "max_stable_learning_rate": 0.1,
    "stable": [1.0, 0.99, 0.01],
    "suggested": 0.01,
    "interval": [0.005, 0.02],
    "trials": 4,
}
STATUS = {
    "study": "s",
    "version": 7,
    "state": "running",
    "trials": {"running": 1, "complete": 20, "pruned": 3, "diverged": 1, "failed": 0, "waiting": 0},
    "best": {"trial": 17, "value": 0.031, "params": {"learning_rate": 0.0031}},
    "suggestion": SUGGESTION,
    "workers": 2,
    "steps": {"trained": 900, "saved_by_pruning": 40, "spent_on_divergence": 2},
    "updated_at": "2026-01-01T00:00:00Z",
}


def problem(
    status: int, kind: str = "refused", *, headers: dict[str, str] | None = None, **more: Any
) -> httpx2.Response:
    body = {"type": kind, "title": "Refused", "status": status, "detail": "do better", **more}
    headers = {"content-type": "application/problem+json", **(headers or {})}
    return httpx2.Response(status, content=json.dumps(body), headers=headers)


def lease_lost() -> httpx2.Response:
    return problem(409, "lease-lost", detail="lease on trial 0 expired 12 s ago")


@dataclass
class FakeService:
    """Leases `max_trials` trials, continues every report; `fault` may answer, or raise, first."""

    max_trials: int = 2
    max_steps: int | None = 3
    ttl_seconds: float = 60.0
    resume: dict[str, Any] | None = None
    verdict: dict[str, Any] = field(default_factory=lambda: {"verdict": "continue"})
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    fault: Callable[[httpx2.Request], httpx2.Response | None] = lambda _: None
    by_request_id: dict[str, int] = field(default_factory=dict)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, request.url.path, body))
        return self.fault(request) or self._answer(request.method, request.url.path, body)

    def _answer(self, method: str, path: str, body: Any) -> httpx2.Response:
        match method, path.removeprefix("/v1/studies").strip("/").split("/"):
            case "GET", ["s"]:
                return httpx2.Response(200, json=STUDY)
            case "GET", [""]:
                return httpx2.Response(200, json={"items": [STUDY], "next_cursor": None})
            case "GET", ["s", "status"]:
                return httpx2.Response(200, json=STATUS)
            case "GET", ["s", "trials"]:
                return httpx2.Response(200, json={"items": [], "next_cursor": None})
            case "GET", ["s", "trials", number]:
                return httpx2.Response(200, json={**TRIAL, "number": int(number), "curve": [], "diagnosis": DIAGNOSIS})
            case "GET", ["s", "response"]:
                return httpx2.Response(200, json=RESPONSE)
            case "GET", ["s", "range-tests"]:
                return httpx2.Response(200, json={"items": [], "next_cursor": None})
            case "GET", ["s", "suggestion"]:
                return httpx2.Response(200, json=SUGGESTION)
            case "POST", ["v1", "suggestions"]:
                return httpx2.Response(200, json={**SUGGESTION, "basis": "prior", "trials": 0})
            case "DELETE", ["s"]:
                return httpx2.Response(204)
            case "POST", [""]:
                return httpx2.Response(201, json={**STUDY, "name": body["name"]})
            case "POST", ["s", "trials"]:
                return self._lease(body["request_id"])
            case "POST", ["s", "trials", "enqueue" | "record"]:
                return httpx2.Response(201, json=TRIAL)
            case "POST", ["s", "trials", _, "reports" | "heartbeat"]:
                return httpx2.Response(200, json={"lease_ttl_seconds": 60.0, **self.verdict})
            case "POST", ["s", "trials", _, "result"]:
                return httpx2.Response(200, json={**TRIAL, "state": body["state"]})
            case "POST", ["s", "trials", _, "release"]:
                return httpx2.Response(200, json=TRIAL)
        return problem(404, detail=f"there is nothing at {path}: lrtune study list shows what there is")

    def _lease(self, request_id: str) -> httpx2.Response:
        if request_id not in self.by_request_id and len(self.by_request_id) == self.max_trials:
            return httpx2.Response(200, json={"done": True, "reason": "max_trials"})
        number = self.by_request_id.setdefault(request_id, len(self.by_request_id))
        leased = {
            "number": number,
            "attempt": 1,
            "params": {"learning_rate": 0.1},
            "lease": f"lease-{number}",
        }
        return httpx2.Response(
            201,
            json={**leased, "lease_ttl_seconds": self.ttl_seconds, "max_steps": self.max_steps, "resume": self.resume},
        )

    def bodies(self, ending: str) -> list[Any]:
        """The bodies of the calls whose path ends so."""
        return [body for _, path, body in self.calls if path.endswith(ending)]


@contextmanager
def listening(service: Callable[[httpx2.Request], httpx2.Response]) -> Iterator[str]:
    """Serves the function at a loopback port; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = [(name, value) for name, value in self.headers.items() if name.lower() == "authorization"]
            response = service(
                httpx2.Request(self.command, f"http://service{self.path}", headers=sent, content=content)
            )
            self.send_response(response.status_code)
            self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
