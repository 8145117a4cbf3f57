"""What each door asks for: one table of all of them.

A door is a method and a path, studies and numbers in it by name. What stands in no row asks for an admin everywhere,
and is nothing to all others.
"""

from dataclasses import dataclass, field

from lrtune.service.access.principal import RANKS
from lrtune.service.wire.access.bodies import Role


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may come in."""

    role: Role | None
    """The least role; None for everybody, strangers too."""
    everywhere: bool = False
    """Whether the token must hold for all studies. Where the path names a study, it must hold for that anyway."""
    known: bool = True
    """Whether there is a row for the door."""
    rank: int = field(init=False, compare=False)
    """That of the role, 0 for everybody."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", RANKS.get(self.role, 0))


OPEN = Rule(None)
_VIEWER, _WORKER, _ADMIN = Rule("viewer"), Rule("worker"), Rule("admin")
_SEES_ALL, _MANAGES = Rule("viewer", everywhere=True), Rule("admin", everywhere=True)
_UNKNOWN = Rule("admin", everywhere=True, known=False)

_STUDY = "/v1/studies/{study}"
_STUDY_PAGE = "/studies/{study}"

DOORS: dict[tuple[str, str], Rule] = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,  # Without names of studies.
    ("GET", "/sign-in"): OPEN,
    ("POST", "/sign-in"): OPEN,
    ("POST", "/sign-out"): OPEN,
    ("GET", "/metrics"): _SEES_ALL,  # Or by a secret of its own.
    ("GET", "/docs"): _VIEWER,
    ("GET", "/docs/oauth2-redirect"): _VIEWER,
    ("GET", "/openapi.json"): _VIEWER,
    ("HEAD", "/openapi.json"): _VIEWER,
    ("GET", "/v1/me"): _VIEWER,
    ("GET", "/v1/tokens"): _MANAGES,
    ("POST", "/v1/tokens"): _MANAGES,
    ("DELETE", "/v1/tokens/{id}"): _MANAGES,
    ("POST", "/v1/tokens/{id}/rotate"): _MANAGES,
    ("GET", "/v1/audit"): _ADMIN,  # Of studies in its scope.
    ("GET", "/v1/studies"): _VIEWER,  # Those in its scope.
    ("POST", "/v1/studies"): _WORKER,  # A study that exists, to load it; to create one, an admin.
    ("GET", _STUDY): _VIEWER,
    ("PATCH", _STUDY): _ADMIN,
    ("DELETE", _STUDY): _ADMIN,
    ("GET", f"{_STUDY}/status"): _VIEWER,
    ("GET", f"{_STUDY}/events"): _VIEWER,
    ("GET", "/v1/events"): _VIEWER,  # Of studies in its scope.
    ("GET", f"{_STUDY}/suggestion"): _VIEWER,
    ("GET", f"{_STUDY}/health"): _VIEWER,
    ("GET", f"{_STUDY}/response"): _VIEWER,
    ("GET", f"{_STUDY}/replays"): _VIEWER,
    ("GET", f"{_STUDY}/range-tests"): _VIEWER,
    ("GET", f"{_STUDY}/range-tests/{{number}}"): _VIEWER,
    ("POST", f"{_STUDY}/range-tests"): _WORKER,
    ("GET", f"{_STUDY}/trials"): _VIEWER,
    ("GET", f"{_STUDY}/trials.csv"): _VIEWER,
    ("GET", f"{_STUDY}/curves"): _VIEWER,
    ("GET", f"{_STUDY}/export"): _VIEWER,
    ("POST", f"{_STUDY}/import"): _ADMIN,
    ("GET", f"{_STUDY}/trials/{{number}}"): _VIEWER,
    ("GET", f"{_STUDY}/trials/{{number}}/replay"): _VIEWER,
    ("POST", f"{_STUDY}/trials"): _WORKER,
    ("POST", f"{_STUDY}/trials/{{number}}/reports"): _WORKER,
    ("POST", f"{_STUDY}/trials/{{number}}/heartbeat"): _WORKER,
    ("POST", f"{_STUDY}/trials/{{number}}/result"): _WORKER,
    ("POST", f"{_STUDY}/trials/{{number}}/release"): _WORKER,
    ("POST", f"{_STUDY}/trials/record"): _WORKER,
    ("POST", f"{_STUDY}/trials/enqueue"): _ADMIN,
    ("POST", "/v1/suggestions"): _VIEWER,
    ("POST", "/v1/scaling"): _VIEWER,
    ("POST", "/v1/range-tests"): _VIEWER,
    ("GET", "/v1/schedules"): _VIEWER,
    ("POST", "/v1/schedules/preview"): _VIEWER,
    # Pages.
    ("GET", "/favicon.ico"): OPEN,
    ("GET", "/"): _VIEWER,  # Studies in its scope.
    ("GET", "/compare"): _VIEWER,  # Studies in its scope.
    ("GET", _STUDY_PAGE): _VIEWER,
    ("GET", f"{_STUDY_PAGE}/parts/{{name}}"): _VIEWER,
    ("GET", f"{_STUDY_PAGE}/pictures/{{name}}"): _VIEWER,
    ("GET", f"{_STUDY_PAGE}/trials/{{number}}"): _VIEWER,
    ("GET", f"{_STUDY_PAGE}/range-tests/{{number}}"): _VIEWER,
    ("GET", "/range-test"): _VIEWER,
    ("POST", "/range-test/found"): _VIEWER,
    ("POST", "/pictures/range-test"): _VIEWER,
    ("GET", "/schedules"): _VIEWER,
    ("GET", "/schedules/told"): _VIEWER,
    ("GET", "/pictures/schedules"): _VIEWER,
    ("GET", "/scaling"): _VIEWER,
    ("GET", "/pictures/compare"): _VIEWER,  # Of studies in its scope.
    ("GET", "/optuna"): _SEES_ALL,
    ("GET", "/optuna/"): _SEES_ALL,
}

FOLDERS: dict[str, tuple[Rule, Rule]] = {
    "/assets": (OPEN, _MANAGES),  # Style and scripts, the page to sign in has them too.
    "/static-offline-docs": (_VIEWER, _MANAGES),
    "/dashboard": (_SEES_ALL, _MANAGES),
    "/api": (_SEES_ALL, _MANAGES),
    "/static": (_SEES_ALL, _MANAGES),
    "/csv": (_SEES_ALL, _MANAGES),
}
"""Doors to all that lies below a path: to read, and to change. optuna-dashboard shows all studies there are."""

_READING = ("GET", "HEAD")
_NUMBERED = ("trials", "range-tests")
_NAMED = ("parts", "pictures")
_STUDIES = ((_STUDY, "/v1/studies/"), (_STUDY_PAGE, "/studies/"))
_TOKENS = "/v1/tokens/"


def door_of(method: str, path: str) -> tuple[Rule, str | None]:
    """The rule for a request, and the study that its path names, if it names one."""
    for door, begins in _STUDIES:
        if path.startswith(begins):
            study, _, rest = path[len(begins) :].partition("/")
            return DOORS.get((method, f"{door}/{_unnumbered(rest)}" if rest else door), _UNKNOWN), study
    if path.startswith(_TOKENS):
        _, slash, rest = path[len(_TOKENS) :].partition("/")
        return DOORS.get((method, f"{_TOKENS}{{id}}{slash}{rest}"), _UNKNOWN), None
    rule = DOORS.get((method, path))
    if rule is not None:
        return rule, None
    for folder, (to_read, to_change) in FOLDERS.items():
        if path == folder or path.startswith(f"{folder}/"):
            return to_read if method in _READING else to_change, None
    return _UNKNOWN, None


def _unnumbered(rest: str) -> str:
    """`trials/17/reports` with `{number}` in place of what stands there; `parts/answer` with `{name}`."""
    noun, _, below = rest.partition("/")
    if noun in _NAMED and below and "/" not in below:
        return f"{noun}/{{name}}"
    number, slash, last = below.partition("/")
    return f"{noun}/{{number}}{slash}{last}" if noun in _NUMBERED and number.isdigit() else rest
