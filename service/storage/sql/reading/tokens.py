"""Tokens as they are kept in the database."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, RowMapping, func, inspect, select

from lrtune.service.storage.schema.tables import access_version, tokens
from lrtune.service.wire.access.bodies import Limits, Role

_log = logging.getLogger(__name__)

Kind = Literal["token", "session", "former"]


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One secret and what it opens; times in seconds since the epoch.

    Of kind `token`; `session` and `former` are other secrets of the token `of_token`, and open what that does. A row
    that cannot be read has no scopes, and opens nothing.
    """

    token_id: str
    digest: str
    prefix: str
    name: str
    role: str
    scopes: tuple[str, ...]
    limits: dict[str, Any]
    created_at: float
    created_by: str
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    kind: Kind = "token"
    of_token: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """How the tokens of a database stand."""

    version: int
    """What every change of the tokens counts up."""
    count: int
    """How many rows there are."""


NOT_SEEN = Seen(-1, 0)


def read_version(connection: Connection) -> int:
    """What every change of the tokens counts up."""
    return int(connection.execute(select(access_version.c.version)).scalar() or 0)


def read_seen(connection: Connection) -> Seen:
    """How the tokens stand; cheap, however many there are."""
    count = connection.execute(select(func.count()).select_from(tokens)).scalar_one()
    return Seen(read_version(connection), count)


def read_tokens(connection: Connection, *, after: int = -1) -> Sequence[StoredToken]:
    """All that were changed `after` this version."""
    rows = connection.execute(select(tokens).where(tokens.c.version > after)).mappings()
    return [_token(row) for row in rows]


def read_admins(connection: Connection) -> Sequence[StoredToken]:
    """The tokens of role admin that were not revoked."""
    theirs = (tokens.c.role == "admin", tokens.c.kind == "token", tokens.c.revoked_at.is_(None))
    return [_token(row) for row in connection.execute(select(tokens).where(*theirs)).mappings()]


def read_token(connection: Connection, token_id: str) -> StoredToken | None:
    """The token of that id."""
    row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).mappings().first()
    return None if row is None else _token(row)


def any_tokens(connection: Connection) -> bool:
    """Whether a token was ever made; not in a database whose tables are older, or not made yet."""
    if not inspect(connection).has_table(tokens.name):
        return False
    return connection.execute(select(tokens.c.token_id).limit(1)).first() is not None


def _token(row: RowMapping) -> StoredToken:
    found = {name: row[name] for name in StoredToken.__slots__}
    try:
        return StoredToken(**found | _opened(found))
    except (ValueError, TypeError, RecursionError) as error:  # One row of another program's: all others are to be read.
        _log.error("the row of token %s cannot be read, and opens nothing: %s", found["token_id"], error)
        return StoredToken(**found | _nothing(found))


def _opened(found: dict[str, Any]) -> dict[str, Any]:
    """What a row has as text, understood. Raises ValueError, TypeError, RecursionError."""
    scopes, limits = json.loads(found["scopes"]), json.loads(found["limits"])
    if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
        raise ValueError("its scopes are no list of texts")
    if found["role"] not in get_args(Role) or found["kind"] not in get_args(Kind):
        raise ValueError("its role or its kind is not known")
    Limits.model_validate(limits)
    if not isinstance(found["created_at"], float) or not all(isinstance(found[at], float | None) for at in _TIMES):
        raise ValueError("one of its times is no number")
    return {"scopes": tuple(scopes), "limits": limits}


_TIMES = ("expires_at", "last_used_at", "revoked_at")


def _nothing(found: dict[str, Any]) -> dict[str, Any]:
    """What stands in the place of what cannot be read."""
    times = {at: found[at] if isinstance(found[at], float) else None for at in _TIMES}
    created_at = found["created_at"] if isinstance(found["created_at"], float) else 0.0
    kind = found["kind"] if found["kind"] in get_args(Kind) else "token"
    return {"scopes": (), "limits": {}, "role": "viewer", "kind": kind, "created_at": created_at, **times}
