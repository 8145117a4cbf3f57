"""`/v1/audit`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from lrtune.service.access import tokens
from lrtune.service.access.audit.pages import read_page
from lrtune.service.access.check import beyond_scope
from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Caller, Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.storage.commit.deeds import EVENTS
from lrtune.service.storage.sql.reading.audit import Wanted
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.wire.access.bodies import AuditEntry, AuditPage
from lrtune.service.wire.base import unstorable

router = APIRouter(route_class=JsonRoute, tags=["access"])

ACTIONS = (*EVENTS, *tokens.ACTIONS)
"""All that the audit tells of."""

_TIME = "is a time with its zone: 2027-01-31T00:00:00Z"


def _no_number(given: object) -> object:
    """Pydantic reads seconds since the epoch; nobody is told of them."""
    if isinstance(given, str) and given.strip("+-.0123456789") == "":
        raise ValueError(_TIME)
    return given


Name = Annotated[str | None, Query(min_length=1, max_length=600)]
Since = Annotated[
    datetime | None, BeforeValidator(_no_number), Query(description="From this time on, as 2027-01-31T00:00:00Z.")
]


@router.get("/v1/audit")
async def list_audit(
    parts: Parts,
    caller: Caller,
    study: Annotated[Name, Query(description="What was done to the study of this name, deleted or not.")] = None,
    token: Annotated[Name, Query(description="What was done with the token of this id, and to it.")] = None,
    action: Annotated[
        Name,
        Query(description="Such deeds alone: `study.delete`, say.", json_schema_extra={"enum": [*ACTIONS, None]}),
    ] = None,
    since: Since = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> AuditPage:
    """What was done to studies and tokens, by whom, the latest first. An admin of some studies sees what was done to
    those. A page may be short of `limit`, with a `next_cursor` all the same, where much is left out by filters."""
    wanted = _wanted(caller, study, token, action, since)
    after = read_cursor(cursor)

    def read() -> tuple[list[AuditEntry], str | None]:
        with parts.engine.database.snapshot() as connection:
            return read_page(connection, wanted, after, limit)

    items, place = await parts.slices.in_thread(read)
    return AuditPage(items=items, next_cursor=show_cursor(place))


def _wanted(
    caller: Principal, study: str | None, token: str | None, action: str | None, since: datetime | None
) -> Wanted:
    """Raises NotAllowed, InvalidField."""
    for name, given in (("study", study), ("token", token), ("action", action)):
        if given is not None and (why := unstorable(given)) is not None:
            raise InvalidField((name,), why)
    if action is not None and action not in ACTIONS:
        raise InvalidField(("action",), f"{action!r} is no action: it is one of {', '.join(ACTIONS)}")
    if since is not None and since.tzinfo is None:
        raise InvalidField(("since",), _TIME)
    if study is not None and not caller.sees(study):
        raise beyond_scope(caller, study)
    scopes = None if caller.everywhere else caller.scopes
    return Wanted(study, token, action, None if since is None else since.timestamp(), scopes)
