"""Long answers, and what else grows with a study."""

from tests.benchmarks.abuse.scenario import Scenario
from tests.benchmarks.abuse.stage import DROPPED, FILLED, UNREADABLE, Stage, expect

_HEADING = "reads and deletions"
_LONG = "long"
_REPORTS = 1000


def _read(stage: Stage, *paths: str, times: int = 1) -> str:
    sizes = []
    for path in paths * times:
        answer = stage.call("GET", path)
        expect(answer, 200)
        sizes.append(len(answer.content))
    return f"{sum(sizes) / 1e6:.1f} MB"


def _pages(stage: Stage) -> str:
    cursor, pages = "", 0
    while cursor is not None and pages < 20:
        more = f"&cursor={cursor}" if cursor else ""
        answer = stage.call("GET", f"/v1/studies/{FILLED}/trials?limit=1000{more}")
        expect(answer, 200)
        cursor, pages = answer.json()["next_cursor"], pages + 1
    return f"{pages} pages"


def _long_curve(stage: Stage) -> str:
    path = stage.study(_LONG, sampler={"name": "random"}, pruner={"name": "none"}, lease_ttl_seconds=3600)
    leased = stage.call("POST", f"{path}/trials", {"worker": "w", "request_id": "long"}).json()
    for first in range(0, stage.size.steps, _REPORTS):
        reports = [{"step": step, "value": 1 / (step + 1)} for step in range(first, first + _REPORTS)]
        body = {"lease": leased["lease"], "reports": reports}
        expect(stage.call("POST", f"{path}/trials/{leased['number']}/reports", body), 200)
    return _read(stage, f"{path}/trials/{leased['number']}", times=stage.size.repeats)


def _drop(stage: Stage) -> str:
    expect(stage.call("GET", f"/v1/studies/{DROPPED}"), 200)
    return expect(stage.call("DELETE", f"/v1/studies/{DROPPED}"), 204)


def _unreadable(stage: Stage) -> str:
    """One study that cannot be read: the list is there, leases of others still run out, and it can be deleted."""
    expect(stage.call("GET", "/v1/studies?limit=1000"), 200)
    told = stage.call("GET", f"/v1/studies/{UNREADABLE}").status_code
    deleted = expect(stage.call("DELETE", f"/v1/studies/{UNREADABLE}"), 204)
    return f"{told}, deleted {deleted}"


SCENARIOS = (
    Scenario(_HEADING, "the first look at 100,000 trials", lambda stage: _read(stage, f"/v1/studies/{FILLED}/status")),
    Scenario(_HEADING, "trials.csv of 100,000 trials", lambda s: _read(s, f"/v1/studies/{FILLED}/trials.csv")),
    Scenario(_HEADING, "20 pages of 1,000 trials", _pages),
    Scenario(_HEADING, "one trial of 300,000 steps", _long_curve),
    Scenario(_HEADING, "the list of studies", lambda stage: _read(stage, "/v1/studies?limit=1000", times=10)),
    Scenario(
        _HEADING,
        "suggestion and response",
        lambda s: _read(s, f"/v1/studies/{FILLED}/suggestion", f"/v1/studies/{FILLED}/response"),
    ),
    Scenario(_HEADING, "the dashboard's study page", lambda stage: _dashboard(stage)),
    Scenario(_HEADING, "a study whose spec cannot be read", _unreadable),
    Scenario(_HEADING, "DELETE of 100,000 trials", _drop),
)


def _dashboard(stage: Stage) -> str:
    answer = stage.call("GET", "/api/studies/1?after=0")
    return f"{answer.status_code}, {len(answer.content) / 1e6:.1f} MB"
