"""Web pages that reach for a service on loopback."""

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import Missed, Stage

_HEADING = "strangers"


def _refused(stage: Stage, headers: dict[str, str]) -> str:
    """Nothing is read or deleted under these headers."""
    path = stage.study(f"prey-{len(headers)}-{next(iter(headers))}".lower())
    statuses = set()
    for method, where in (("DELETE", path), ("POST", f"{path}/trials"), ("GET", path), ("PATCH", path)):
        body = {"worker": "w", "request_id": "r"} if method == "POST" else {"paused": True}
        answer = stage.call(method, where, None if method in ("GET", "DELETE") else body, headers=headers)
        if answer.is_success:
            raise Missed(f"{method} was answered {answer.status_code}")
        statuses.add(answer.status_code)
    if stage.call("GET", path).status_code != 200:
        raise Missed("the study is gone")
    return ", ".join(map(str, sorted(statuses)))


SCENARIOS = (
    Scenario(_HEADING, "a foreign Host (DNS rebinding)", lambda stage: _refused(stage, {"Host": "evil.example"})),
    Scenario(_HEADING, "a foreign Origin", lambda stage: _refused(stage, {"Origin": "https://evil.example"})),
)
