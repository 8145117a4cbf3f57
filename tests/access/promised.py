"""What is promised of every door: who may come in, and what is answered to who may. Written by hand.

The table of the service is `lrtune.service.access.doors`; nothing here is read from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["study", "any", "everywhere"]
"""`study`: the path or the body names a study, which must be in scope; `everywhere`: the token must be for all."""
Least = Literal["open", "viewer", "worker", "admin"]

STUDY = "cifar-1"
"""The study that paths name. It exists; ABSENT does not, and is in scope as well."""
ABSENT = "cifar-absent"


@dataclass(frozen=True)
class Door:
    """One way to come in. `path` is as the service declares it; `asked`, where it is not the same, what is requested.

    `answer` is the status for all who may.
    """

    method: str
    path: str
    least: Least
    kind: Kind
    answer: int
    body: Mapping[str, Any] | None = None
    asked: str = ""

    @property
    def request(self) -> str:
        """The path that is requested."""
        filled = (self.asked or self.path).replace("{study}", STUDY)
        return filled.replace("{number}", "999").replace("{id}", "absent")


_S = "/v1/studies/{study}"
_T = _S + "/trials/{number}"
_P = "/studies/{study}"
_GONE = f"/v1/studies/{ABSENT}"
_LEASE: Mapping[str, Any] = {"lease": "none"}
_LOSSES = {"learning_rates": [1e-4, 1e-3, 1e-2, 1e-1, 1.0], "losses": [2.0, 1.5, 1.0, 1.5, 9.0]}
_SCHEDULE = {"schedule": {"name": "constant"}, "base_learning_rate": 0.1, "total_steps": 2}
_SCALING = {"learning_rate": 0.1, "batch_size": 32, "new_batch_size": 64, "optimizer": "sgd"}
_PASTED = {"text": "1e-4 2.0\n1e-3 1.5\n1e-2 1.0"}
_NO_FIELD = {"nothing": 1}

DOORS = [
    Door("GET", "/healthz", "open", "any", 200),
    Door("GET", "/readyz", "open", "any", 200),
    Door("GET", "/metrics", "viewer", "everywhere", 200),
    Door("GET", "/docs", "viewer", "any", 200),
    Door("GET", "/docs/oauth2-redirect", "viewer", "any", 200),
    Door("GET", "/openapi.json", "viewer", "any", 200),
    Door("HEAD", "/openapi.json", "viewer", "any", 200),
    # Browsers.
    Door("GET", "/sign-in", "open", "any", 200),
    Door("POST", "/sign-in", "open", "any", 403),  # Without an Origin, as no browser sends it.
    Door("POST", "/sign-out", "open", "any", 303),
    # Tokens, who one is, and what was done.
    Door("GET", "/v1/me", "viewer", "any", 200),
    Door("GET", "/v1/tokens", "admin", "everywhere", 200),
    Door("POST", "/v1/tokens", "admin", "everywhere", 422, _NO_FIELD),
    Door("DELETE", "/v1/tokens/{id}", "admin", "everywhere", 404),
    Door("POST", "/v1/tokens/{id}/rotate", "admin", "everywhere", 404, {}),
    Door("GET", "/v1/audit", "admin", "any", 200),  # Of studies in its scope.
    # Studies.
    Door("GET", "/v1/studies", "viewer", "any", 200),
    Door("POST", "/v1/studies", "worker", "study", 200, {"name": STUDY, "if_exists": "load"}),
    Door("POST", "/v1/studies", "admin", "study", 409, {"name": STUDY}),
    Door("GET", _S, "viewer", "study", 200),
    Door("PATCH", _S, "admin", "study", 200, {"description": "same"}),
    Door("DELETE", _S, "admin", "study", 404, asked=_GONE),
    Door("GET", f"{_S}/status", "viewer", "study", 200),
    Door("GET", f"{_S}/status", "viewer", "study", 200, asked=f"{_S}/status?after=0&wait_seconds=1"),
    Door("GET", f"{_S}/events", "viewer", "study", 200, asked=f"{_S}/events?for_seconds=0"),
    Door("GET", "/v1/events", "viewer", "any", 200, asked="/v1/events?for_seconds=0"),
    Door("GET", f"{_S}/suggestion", "viewer", "study", 200),
    Door("GET", f"{_S}/health", "viewer", "study", 200),
    Door("GET", f"{_S}/response", "viewer", "study", 200),
    Door("GET", f"{_S}/replays", "viewer", "study", 200),
    Door("GET", f"{_S}/range-tests", "viewer", "study", 200),
    Door("GET", f"{_S}/range-tests/{{number}}", "viewer", "study", 404),
    Door("POST", f"{_S}/range-tests", "worker", "study", 422, _NO_FIELD),
    Door("GET", f"{_S}/trials", "viewer", "study", 200),
    Door("GET", f"{_S}/trials.csv", "viewer", "study", 200),
    Door("GET", f"{_S}/curves", "viewer", "study", 200),
    Door("GET", f"{_S}/export", "viewer", "study", 200),
    Door("POST", f"{_S}/import", "admin", "study", 422, _NO_FIELD),
    Door("GET", _T, "viewer", "study", 404),
    Door("GET", f"{_T}/replay", "viewer", "study", 404),
    Door("POST", f"{_S}/trials", "worker", "study", 422, _NO_FIELD),
    Door("POST", f"{_T}/reports", "worker", "study", 404, {**_LEASE, "reports": [{"step": 1, "value": 0.5}]}),
    Door("POST", f"{_T}/heartbeat", "worker", "study", 404, _LEASE),
    Door("POST", f"{_T}/result", "worker", "study", 404, {**_LEASE, "state": "failed"}),
    Door("POST", f"{_T}/release", "worker", "study", 404, _LEASE),
    Door("POST", f"{_S}/trials/record", "worker", "study", 422, _NO_FIELD),
    Door("POST", f"{_S}/trials/enqueue", "admin", "study", 422, _NO_FIELD),
    # What needs no study.
    Door("POST", "/v1/suggestions", "viewer", "any", 200, {"optimizer": "adamw"}),
    Door("POST", "/v1/scaling", "viewer", "any", 200, _SCALING),
    Door("POST", "/v1/range-tests", "viewer", "any", 200, _LOSSES),
    Door("GET", "/v1/schedules", "viewer", "any", 200),
    Door("POST", "/v1/schedules/preview", "viewer", "any", 200, _SCHEDULE),
    # Pages.
    Door("GET", "/favicon.ico", "open", "any", 200),
    Door("GET", "/", "viewer", "any", 200),
    Door("GET", "/compare", "viewer", "any", 422),
    Door("GET", _P, "viewer", "study", 200),
    Door("GET", f"{_P}/parts/{{part}}", "viewer", "study", 200, asked=f"{_P}/parts/answer"),
    Door("GET", f"{_P}/pictures/{{picture}}", "viewer", "study", 200, asked=f"{_P}/pictures/response"),
    Door("GET", f"{_P}/trials/{{number}}", "viewer", "study", 404),
    Door("GET", f"{_P}/range-tests/{{number}}", "viewer", "study", 404),
    Door("GET", "/range-test", "viewer", "any", 200),
    Door("POST", "/range-test/found", "viewer", "any", 200, _PASTED),
    Door("POST", "/pictures/range-test", "viewer", "any", 200, _PASTED),
    Door("GET", "/schedules", "viewer", "any", 200),
    Door("GET", "/schedules", "viewer", "study", 200, asked=f"/schedules?study={STUDY}"),
    Door("GET", "/schedules/told", "viewer", "any", 200),
    Door("GET", "/pictures/schedules", "viewer", "any", 200),
    Door("GET", "/scaling", "viewer", "any", 200),
    Door("GET", "/scaling", "viewer", "study", 200, asked=f"/scaling?study={STUDY}"),
    Door("GET", "/pictures/compare", "viewer", "any", 422),  # Of studies in its scope; two it must be.
    # optuna-dashboard, which shows all studies there are.
    Door("GET", "/optuna", "viewer", "everywhere", 307),
    Door("GET", "/optuna/", "viewer", "everywhere", 307),
]
"""By method and path. Two rows of one door differ in what is asked of it."""

FOLDERS = [
    Door("GET", "/assets", "open", "any", 200, asked="/assets/look/style.css"),
    Door("GET", "/static-offline-docs", "viewer", "any", 200, asked="/static-offline-docs/swagger-ui.css"),
    Door("GET", "/dashboard", "viewer", "everywhere", 200),
    Door("GET", "/dashboard/{rest:path}", "viewer", "everywhere", 200, asked="/dashboard/studies/1"),
    Door("GET", "/api", "viewer", "everywhere", 404),
    Door("GET", "/api/{rest:path}", "viewer", "everywhere", 200, asked="/api/studies"),
    Door("DELETE", "/api/{rest:path}", "admin", "everywhere", 404, asked="/api/studies/999"),
    Door("POST", "/api/{rest:path}", "admin", "everywhere", 400, {}, asked="/api/studies"),
    Door("GET", "/static", "viewer", "everywhere", 404),
    Door("GET", "/static/{rest:path}", "viewer", "everywhere", 200, asked="/static/bundle.js"),
    Door("GET", "/csv", "viewer", "everywhere", 404),
    Door("GET", "/csv/{rest:path}", "viewer", "everywhere", 404, asked="/csv/999"),
]
"""Doors that take every method, by path."""

FAST = [door for door in DOORS if door.method == "POST" and door.path.startswith(f"{_S}/trials") and door.body]
"""What the fast lane answers, where the length of the body is told."""

GRPC: Mapping[str, Least] = {
    "CreateNewStudy": "admin",  # A worker may load one that exists.
    "DeleteStudy": "admin",
    "SetStudyUserAttribute": "admin",
    "SetStudySystemAttribute": "worker",  # Optuna's samplers and pruners keep their state in these.
    "GetStudyIdFromName": "viewer",
    "GetStudyNameFromId": "viewer",
    "GetStudyDirections": "viewer",
    "GetStudyUserAttributes": "viewer",
    "GetStudySystemAttributes": "viewer",
    "GetAllStudies": "viewer",
    "CreateNewTrial": "worker",
    "SetTrialParameter": "worker",
    "GetTrialIdFromStudyIdTrialNumber": "viewer",
    "SetTrialStateValues": "worker",
    "SetTrialIntermediateValue": "worker",
    "SetTrialUserAttribute": "worker",
    "SetTrialSystemAttribute": "worker",
    "GetTrial": "viewer",
    "GetTrials": "viewer",
}
"""The least role for each method of Optuna's gRPC protocol."""
