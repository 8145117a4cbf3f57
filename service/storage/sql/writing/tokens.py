"""Writing tokens, within the caller's transaction. Each call counts the version up, by which others notice it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from lrtune.service.storage.memory.actor import Actor
from lrtune.service.storage.schema.tables import access_version, audit, tokens
from lrtune.service.storage.sql.reading.tokens import Kind, StoredToken, read_version
from lrtune.service.storage.sql.writing.rows import audit_row


def insert_token(connection: Connection, token: StoredToken) -> None:
    """Write a new one."""
    row = asdict(token) | {"scopes": json.dumps(token.scopes), "limits": json.dumps(token.limits)}
    connection.execute(insert(tokens), row | {"version": _next_version(connection)})


def change_token(connection: Connection, token_id: str, **columns: Any) -> None:
    """Change some columns of one."""
    version = _next_version(connection)
    connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(**columns, version=version))


def end_others(connection: Connection, token_id: str, kinds: Sequence[Kind], at: float) -> None:
    """End all other secrets of a token that are of these kinds."""
    theirs = (tokens.c.of_token == token_id, tokens.c.kind.in_(kinds), tokens.c.revoked_at.is_(None))
    version = _next_version(connection)
    connection.execute(update(tokens).where(*theirs).values(revoked_at=at, version=version))


def note_used(connection: Connection, used: Mapping[str, float]) -> None:
    """When tokens were last used. This alone does not count as a change."""
    statement = update(tokens).where(tokens.c.token_id == bindparam("of")).values(last_used_at=bindparam("at"))
    connection.execute(statement, [{"of": token_id, "at": at} for token_id, at in used.items()])


def remove_ended(connection: Connection, *, before: float) -> None:
    """Remove sign-ins and former secrets that ended before this time; tokens themselves are kept."""
    connection.execute(delete(tokens).where(tokens.c.kind != "token", tokens.c.expires_at < before))


def insert_audit(
    connection: Connection, actor: Actor, at: float, action: str, subject: str, **what: Mapping[str, Any] | None
) -> None:
    """Keep what was done to a token, by whom: `before` and `after`."""
    _, row = audit_row(actor, at, action, subject, what.get("before"), what.get("after"))
    connection.execute(insert(audit), row)


def hold_tokens(connection: Connection) -> None:
    """Keep others from changing tokens until the transaction ends: what is read after this is so when it commits."""
    _next_version(connection)


def _next_version(connection: Connection) -> int:
    counting = update(access_version).values(version=access_version.c.version + 1)
    if not connection.execute(counting).rowcount:
        # Another process may write the first row meanwhile: this waits until that commits, and counts on from there.
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(access_version).values(row_id=0, version=0).on_conflict_do_nothing())
        connection.execute(counting)
    return read_version(connection)
