"""Tokens whose secrets come in files: how a container starts with one, and nobody has to fetch it out of a log."""

import asyncio
import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from lrtune.service.access import tokens
from lrtune.service.access.access import Access
from lrtune.service.access.errors import AccessError
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.memory.actor import SERVICE
from lrtune.service.storage.sql.reading.tokens import StoredToken, read_tokens
from lrtune.service.wire.access.bodies import ALL_STUDIES, NewToken, Role
from lrtune.service.wire.access.secrets import digest_of, misshapen

_log = logging.getLogger(__name__)

MAKE = """echo "lrt_$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\\n')" > FILE"""
"""Makes a file with a secret, without lrtune. 32 random bytes are 44 characters in base64, the last of them `=`."""

_FEWEST_DIFFERENT = 15
"""Characters of a secret that are not the same; of 43 random ones more are, but for one in 10^15."""
_AGAIN_SECONDS = 0.5


class TokenFileInvalid(AccessError):
    """A file holds no secret, or one that does not open what it should."""


@dataclass(frozen=True)
class WantedToken:
    """A token that is to be there."""

    file: Path
    option: str
    role: Role
    secret: str = field(repr=False)

    @property
    def name(self) -> str:
        """What the token is called."""
        return f"{self.role} token file"

    @property
    def digest(self) -> str:
        """What is kept of its secret."""
        return digest_of(self.secret.encode())


def wanted_tokens(admin: Path | None, worker: Path | None) -> list[WantedToken]:
    """The tokens of the files that are named. Raises TokenFileInvalid."""
    named: list[tuple[Path | None, str, Role]] = [
        (admin, "--admin-token-file", "admin"),
        (worker, "--worker-token-file", "worker"),
    ]
    found = [WantedToken(file, option, role, _secret(file, option)) for file, option, role in named if file is not None]
    if len({one.secret for one in found}) < len(found):
        raise TokenFileInvalid(
            f"{found[0].file} and {found[1].file} hold the same secret, and workers are to have one of their own: "
            f"{_make(found[1].file)}"
        )
    return found


def _secret(file: Path, option: str) -> str:
    try:
        secret = file.read_text("ascii").strip()
    except UnicodeDecodeError:
        why: str | None = "has other characters than letters, digits, - and _"
    except PermissionError as error:
        user, name = os.geteuid(), shlex.quote(str(file))
        raise TokenFileInvalid(
            f"{option}: {file} cannot be read by the user {user}, as whom the service runs: type "
            f"`chown {user} {name} && chmod 600 {name}` as root"
        ) from error
    except OSError as error:
        raise TokenFileInvalid(f"{option}: {file} cannot be read: {error.strerror}") from error
    else:
        why = misshapen(secret) or ("is not random" if len(set(secret)) < _FEWEST_DIFFERENT else None)
    if why is not None:
        raise TokenFileInvalid(f"{option}: what is in {file} {why}; make one with: {_make(file)}")
    return secret


def _make(file: Path) -> str:
    return MAKE.replace("FILE", shlex.quote(str(file)))


def ensure(connection: Connection, wanted: Sequence[WantedToken], now: float) -> None:
    """Make those that are not there, and revoke those that a file held before, in the caller's transaction.

    Raises TokenFileInvalid where a secret is one that does not open what it should, a revoked one say: whoever revoked
    it did not want it back. Raises TokenInvalid where the first token would not be an admin's.
    """
    known = check(connection, wanted, now)
    for one in wanted:
        if one.digest not in known:
            tokens.create(connection, NewToken(role=one.role, name=one.name), now, secret=one.secret)
        for token in known.values():
            if token.digest != one.digest and _was_of(token, one):
                tokens.revoke(connection, token.token_id, now, force=True)


def check(connection: Connection, wanted: Sequence[WantedToken], now: float) -> dict[str, StoredToken]:
    """All tokens there are, by digest. Raises TokenFileInvalid as `ensure` does; reads only."""
    known = {token.digest: token for token in read_tokens(connection)}
    for one in wanted:
        if one.digest in known and (why := _unfit(known[one.digest], one, now)) is not None:
            raise TokenFileInvalid(f"{one.option}: the token in {one.file} {why}; make another with: {_make(one.file)}")
    return known


def _was_of(token: StoredToken, one: WantedToken) -> bool:
    """Whether it is the token that the file held before."""
    by_us = token.created_by == SERVICE.name and token.name == one.name
    return by_us and token.kind == "token" and token.revoked_at is None


def _unfit(token: StoredToken, one: WantedToken, now: float) -> str | None:
    if token.kind != "token":
        return "was rotated, and is none any more"
    if token.revoked_at is not None:
        return "was revoked"
    if token.expires_at is not None and token.expires_at <= now:
        return "has expired"
    if token.role != one.role or ALL_STUDIES not in token.scopes:
        return f"is one of role {token.role} for the studies {', '.join(token.scopes)}, not of role {one.role} for all"
    return None


async def keep_ensuring(engine: Engine, access: Access, wanted: Sequence[WantedToken]) -> None:
    """Ensure them as soon as this process is the writer, and end then."""
    while True:
        try:
            await asyncio.to_thread(engine.upkeep.run, lambda connection: ensure(connection, wanted, engine.clock()))
        except StorageError:
            await asyncio.sleep(_AGAIN_SECONDS)
        except AccessError as error:
            _log.error("%s", error)
            return
        except Exception:
            _log.exception("the tokens of the files are not ensured")
            return
        else:
            await access.keeper.try_to_look()
            return
