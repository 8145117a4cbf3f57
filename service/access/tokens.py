"""Making, rotating and revoking tokens, within the caller's transaction, which is taken back where they raise.

The service calls them on the connection that commits, a command on a connection of its own.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from lrtune.service.access.errors import LastAdmin, TokenInvalid, TokenNotFound
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.sql.reading.tokens import Kind, StoredToken, any_tokens, read_admins, read_token
from lrtune.service.storage.sql.writing.tokens import (
    change_token,
    end_others,
    hold_tokens,
    insert_audit,
    insert_token,
)
from lrtune.service.wire.access.bodies import ALL_STUDIES, CreatedToken, FormerSecret, NewToken, Token
from lrtune.service.wire.access.secrets import digest_of, new_secret, prefix_of

SESSION_SECONDS = 12 * 3600
"""How long a browser stays signed in."""

ACTIONS = ("token.create", "token.rotate", "token.revoke")
"""What the audit calls what is done here."""

_LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


def create(connection: Connection, body: NewToken, now: float, *, secret: str | None = None) -> tuple[StoredToken, str]:
    """A new token and its secret, a random one unless it is given. Raises TokenInvalid."""
    expires_at = _expiry(body, now)
    hold_tokens(connection)
    if not _manages(body.role, body.scopes) and not any_tokens(connection):
        raise TokenInvalid(
            ("role",), "the first token must be an admin's for all studies (role admin, scope *): it makes the others"
        )
    secret = secret or new_secret()
    token = StoredToken(
        token_id=secrets.token_hex(6),
        digest=digest_of(secret.encode()),
        prefix=prefix_of(secret),
        name=body.name,
        role=body.role,
        scopes=tuple(body.scopes),
        limits=body.limits.model_dump(exclude_none=True),
        created_at=now,
        created_by=ACTING.get().name,
        expires_at=expires_at,
    )
    insert_token(connection, token)
    insert_audit(connection, ACTING.get(), now, "token.create", token.token_id, after=_audited(token))
    return token, secret


def revoke(connection: Connection, token_id: str, now: float, *, force: bool = False) -> StoredToken:
    """End a token, and with it who signed in with it; once more changes nothing. Raises TokenNotFound, LastAdmin."""
    hold_tokens(connection)
    token = _existing(connection, token_id)
    if token.revoked_at is not None:
        return token
    if not force and _is_last_admin(connection, token, now):
        raise LastAdmin(
            f"{token_id} is the last token that can manage tokens: create another admin's first "
            "(`lrtune token create --role admin`), or say --force (?force=true)"
        )
    change_token(connection, token_id, revoked_at=now)
    insert_audit(connection, ACTING.get(), now, "token.revoke", token_id, before=_audited(token))
    return replace(token, revoked_at=now)


def rotate(connection: Connection, token_id: str, now: float, *, grace_seconds: float = 0) -> tuple[StoredToken, str]:
    """Give a token a new secret; the old one holds for `grace_seconds`, without them no older one either. Who signed
    in with it is signed out.

    Raises TokenNotFound, TokenInvalid.
    """
    hold_tokens(connection)
    token = _existing(connection, token_id)
    why = "was revoked" if token.revoked_at is not None else "has expired" if _has_ended(token, now) else None
    if why is not None:
        raise TokenInvalid(("id",), f"{token_id} {why}, and cannot be rotated: create a new one")
    secret = new_secret()
    changed = replace(token, digest=digest_of(secret.encode()), prefix=prefix_of(secret))
    change_token(connection, token_id, digest=changed.digest, prefix=changed.prefix)
    end_others(connection, token_id, ("session",) if grace_seconds else ("session", "former"), now)
    if grace_seconds > 0:
        _add_secret(connection, token, "former", token.digest, now, now + grace_seconds)
    before, after = ({"prefix": one.prefix} for one in (token, changed))
    insert_audit(
        connection, ACTING.get(), now, "token.rotate", token_id, before=before, after=after | {"grace": grace_seconds}
    )
    return changed, secret


def sign_in(connection: Connection, token: StoredToken, now: float, until: float) -> str:
    """A secret for a browser, which holds `until` then, and no longer than the token."""
    secret = new_secret()
    _add_secret(connection, token, "session", digest_of(secret.encode()), now, until)
    return secret


def sign_out(connection: Connection, session_id: str, now: float) -> None:
    """End a sign-in; one that has ended is left as it is."""
    session = read_token(connection, session_id)
    if session is not None and session.kind == "session" and session.revoked_at is None:
        change_token(connection, session_id, revoked_at=now)


def view(token: StoredToken, last_used_at: float | None = None) -> Token:
    """A token as it is told."""
    return Token.model_validate(_members(token, last_used_at))


def created_view(token: StoredToken, secret: str) -> CreatedToken:
    """A new token as it is told, this once with its secret."""
    return CreatedToken.model_validate(_members(token, None) | {"secret": secret})


def former_view(prefix: str, until: float | None) -> FormerSecret | None:
    """A former secret as it is told to who shows it; None where `until` is, for it is none."""
    if until is None:
        return None
    return FormerSecret(prefix=prefix, holds_until=datetime.fromtimestamp(until, UTC))


def _members(token: StoredToken, last_used_at: float | None) -> dict[str, object]:
    used = max(token.last_used_at or 0.0, last_used_at or 0.0) or None
    return {
        "id": token.token_id,
        "prefix": token.prefix,
        "name": token.name,
        "role": token.role,
        "scopes": list(token.scopes),
        "created_at": _time(token.created_at),
        "created_by": token.created_by,
        "expires_at": _time(token.expires_at),
        "last_used_at": _time(used),
        "revoked_at": _time(token.revoked_at),
        "limits": token.limits,
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _audited(token: StoredToken) -> dict[str, object]:
    return {
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "scopes": list(token.scopes),
        "expires_at": None if token.expires_at is None else str(_time(token.expires_at)),
        "limits": token.limits,
    }


def _add_secret(connection: Connection, token: StoredToken, kind: Kind, digest: str, now: float, until: float) -> None:
    more = replace(
        token, token_id=secrets.token_hex(6), digest=digest, kind=kind, of_token=token.token_id, created_at=now,
        expires_at=min(until, token.expires_at or until), last_used_at=None,
    )  # fmt: skip
    insert_token(connection, more)


def _existing(connection: Connection, token_id: str) -> StoredToken:
    found = read_token(connection, token_id)
    if found is None or not _is_token(found):
        raise TokenNotFound(token_id)
    return found


def _expiry(body: NewToken, now: float) -> float | None:
    if body.expires_in_seconds is not None:
        return now + body.expires_in_seconds
    if body.expires_at is None:
        return None
    expires_at = body.expires_at.timestamp()
    if expires_at <= now:
        raise TokenInvalid(("expires_at",), f"{body.expires_at.isoformat()} is past; name a time that is to come")
    if expires_at > _LATEST:
        raise TokenInvalid(("expires_at",), "is after the year 9999 in UTC; leave it out for a token without an expiry")
    return expires_at


def _is_token(token: StoredToken) -> bool:
    return token.kind == "token"


def _has_ended(token: StoredToken, now: float) -> bool:
    return token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)


def _manages(role: str, scopes: Sequence[str]) -> bool:
    return role == "admin" and ALL_STUDIES in scopes


def _is_last_admin(connection: Connection, token: StoredToken, now: float) -> bool:
    if not _manages(token.role, token.scopes):
        return False
    admins = [one for one in read_admins(connection) if _manages(one.role, one.scopes)]
    return [one.token_id for one in admins if not _has_ended(one, now)] == [token.token_id]
