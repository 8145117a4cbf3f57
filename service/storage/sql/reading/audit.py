"""What was done by whom, by time, the latest first.

A page is found along one index, that of the most telling filter. What other filters, and what the reader may not see,
leave out is passed over on the way, and so many entries at the most: where most are left out, a page may be short, and
the next one goes on behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select, true, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement

from lrtune.service.storage.schema.tables import audit

Place = tuple[float, int]
"""Where in the list an entry stands: its time, in seconds since the epoch, and its id."""

MOST_PASSED = 20_000
"""Entries that are looked at for one page."""
_AT_ONCE = 2_000

OF_STUDIES = ("study.", "trial.", "range_test.")
"""How the actions begin whose subject is a study's name; that of others is a token's id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; all of them where nothing is said."""

    study: str | None = None
    token: str | None = None
    """Done with the token of this id, or to it."""
    action: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    scopes: Sequence[str] | None = None
    """Only those of studies that one of these globs matches."""


def read_entries(
    connection: Connection, wanted: Wanted, after: Place | None, limit: int
) -> tuple[Sequence[Row[Any]], Place | None]:
    """Up to `limit` entries behind the place `after`, of one snapshot; and the place to go on after, None at the
    end."""
    ways, rest = _ways(wanted), _rest(wanted, connection.dialect.name)
    at_once = _AT_ONCE if rest else limit + 1
    found: list[int] = []
    for _ in range(0, MOST_PASSED, at_once):
        passed = connection.execute(_along(ways, rest, wanted.since, after, at_once)).all()
        for at, entry_id, fits in passed:
            if fits and len(found) == limit:
                return _whole(connection, found), after
            if fits:
                found.append(entry_id)
            after = (at, entry_id)
        if len(passed) < at_once:
            return _whole(connection, found), None
    return _whole(connection, found), after


_c = audit.c
_OF_A_STUDY = or_(*(_c.action.startswith(kind, autoescape=True) for kind in OF_STUDIES))


def _ways(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What is looked up in an index: of all entries together, each in one of these at the most."""
    if wanted.study is not None:
        return [_c.subject == wanted.study]
    if wanted.token is not None:
        to_it = and_(_c.subject == wanted.token, or_(_c.token_id.is_(None), _c.token_id != wanted.token), ~_OF_A_STUDY)
        return [_c.token_id == wanted.token, to_it]
    return [true()] if wanted.action is None else [_c.action == wanted.action]


def _rest(wanted: Wanted, dialect: str) -> list[ColumnElement[bool]]:
    """What is looked at beside that."""
    rest: list[ColumnElement[bool]] = []
    if wanted.study is not None or wanted.scopes is not None:
        rest.append(_OF_A_STUDY)
    if wanted.study is not None and wanted.token is not None:
        rest.append(_c.token_id == wanted.token)
    if wanted.action is not None and (wanted.study is not None or wanted.token is not None):
        rest.append(_c.action == wanted.action)
    if wanted.scopes is not None:
        rest.append(or_(*(_matches(glob, dialect) for glob in wanted.scopes)))
    return rest


def _matches(glob: str, dialect: str) -> ColumnElement[bool]:
    if dialect == "sqlite":
        found: ColumnElement[bool] = _c.subject.op("GLOB", is_comparison=True)(glob)
        return found
    pattern = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _c.subject.like(pattern.replace("*", "%").replace("?", "_"), escape="\\")


def _along(
    ways: Sequence[ColumnElement[bool]],
    rest: Sequence[ColumnElement[bool]],
    since: float | None,
    after: Place | None,
    at_once: int,
) -> Select[Any]:
    """(time, id, whether it fits) of the next entries on these ways."""
    places = [_place(way, rest, since, after).limit(at_once).subquery() for way in ways]
    if len(places) == 1:
        return select(*places[0].c).order_by(places[0].c.at.desc(), places[0].c.entry_id.desc())
    together = union_all(*(select(*place.c) for place in places)).subquery()
    return select(*together.c).order_by(together.c.at.desc(), together.c.entry_id.desc()).limit(at_once)


def _place(
    way: ColumnElement[bool], rest: Sequence[ColumnElement[bool]], since: float | None, after: Place | None
) -> Select[Any]:
    query = select(_c.at, _c.entry_id, and_(true(), *rest).label("fits")).where(way)
    if since is not None:
        query = query.where(_c.at >= since)
    if after is not None:
        query = query.where(tuple_(_c.at, _c.entry_id) < after)
    return query.order_by(_c.at.desc(), _c.entry_id.desc())


def _whole(connection: Connection, entry_ids: Sequence[int]) -> Sequence[Row[Any]]:
    query = select(audit).where(_c.entry_id.in_(entry_ids)).order_by(_c.at.desc(), _c.entry_id.desc())
    return connection.execute(query).all() if entry_ids else []
