"""All tokens in memory: whose secret it is, in a microsecond, however many there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lrtune.service.access.errors import Unauthorized
from lrtune.service.access.principal import Principal
from lrtune.service.storage.errors import StorageError, StorageUnavailable
from lrtune.service.storage.sql.reading.tokens import StoredToken
from lrtune.service.wire.access.bodies import Limits
from lrtune.service.wire.access.secrets import digest_of, misshapen

_ASK = "ask for a new one, or, as an admin, make one with `lrtune token create --role worker`"


@dataclass(slots=True)
class _Known:
    token: StoredToken
    principal: Principal


class Registry:
    """The tokens as they were last read. The event loop takes in what was changed; any thread may look: a look is a
    few reads of dictionaries, each of which is whole at any moment, and one write, of when a token was used."""

    def __init__(self, failure: Callable[[], StorageError | None] = lambda: None) -> None:
        """`failure` says why the database cannot be read, where that is known."""
        self._failure = failure
        self.version = -1
        """The version of the tokens that are here; -1 before they were read."""
        self.always_asks = False
        """Whether a token is asked for though there is none: the service is not to be open to everybody."""
        self.used: dict[str, float] = {}
        """When tokens were last used here, by id: later than is written, perhaps."""
        self._ever = False
        """Whether there ever was a token here: where they are gone all the same, the service is not open again."""
        self._by_id: dict[str, StoredToken] = {}
        self._by_digest: dict[str, _Known] = {}

    @property
    def secured(self) -> bool:
        """Whether a token was ever made, or is to be asked for anyway: each request needs one then. Raises
        StorageUnavailable until that is known."""
        if self.version < 0:
            raise self._failure() or StorageUnavailable(
                "the tokens have not been read from the database yet; try again"
            )
        return self.always_asks or self._ever

    def take_in(self, changed: Iterable[StoredToken], version: int) -> None:
        """Tokens that were changed, up to this version. One that could not be read opens nothing from then on."""
        for token in changed:
            before = self._by_id.get(token.token_id)
            self._by_id[token.token_id] = token
            self._by_digest[token.digest] = _Known(token, _principal(token))
            if before is not None and before.digest != token.digest:
                self._forget_secret(before)
        self._ever = self._ever or bool(self._by_id)
        self.version = version

    def replace(self, tokens: Iterable[StoredToken], version: int) -> None:
        """All tokens there are, at this version: what else was here opens nothing from then on."""
        by_id = {token.token_id: token for token in tokens}
        by_digest = {token.digest: _Known(token, _principal(token)) for token in by_id.values()}
        self._by_id, self._by_digest = by_id, by_digest
        self._ever = self._ever or bool(by_id)
        self.version = version

    def remove_ended(self, *, before: float) -> None:
        """Sign-ins and former secrets that ended before this time."""
        ended = [
            token
            for token in self._by_id.values()
            if token.kind != "token" and token.expires_at is not None and token.expires_at < before
        ]
        for token in ended:
            del self._by_id[token.token_id]
            self._forget_secret(token)

    def _forget_secret(self, token: StoredToken) -> None:
        known = self._by_digest.get(token.digest)
        # It may be another's by now: what was the secret of a token that was rotated is its former one's.
        if known is not None and known.token.token_id == token.token_id:
            del self._by_digest[token.digest]

    def holder(self, secret: bytes, now: float) -> Principal:
        """Who shows this secret. Raises Unauthorized."""
        known = self._by_digest.get(digest_of(secret))
        if known is None:
            raise _unknown(secret)
        token, principal = known.token, known.principal
        if token.revoked_at is not None or token.expires_at is not None or token.of_token or not token.scopes:
            self._check(token, now)
        self.used[principal.token_id] = now  # type: ignore[index]
        return principal

    def check_holds(self, principal: Principal, now: float) -> None:
        """Raises Unauthorized where who was let in before would not be now."""
        if principal.digest:
            known = self._by_digest.get(principal.digest)
            if known is None:
                raise Unauthorized("unknown", f"token {principal.prefix}… is there no more, or was rotated; {_ASK}")
            self._check(known.token, now)
        elif self.secured:
            raise Unauthorized("missing", f"this service wants a token by now; {_ASK}")

    def _check(self, token: StoredToken, now: float) -> None:
        _check(token, now)
        if token.of_token is not None:
            owner = self._by_id.get(token.of_token)
            if owner is None:
                raise Unauthorized("unknown", f"the token of this {token.kind} is gone; {_ASK}")
            _check(owner, now)

    def is_sign_in(self, secret: bytes, now: float) -> bool:
        """Whether this is the secret of a browser's sign-in that holds."""
        try:
            return self.holder(secret, now).by_cookie
        except Unauthorized:
            return False

    def tokens(self) -> list[StoredToken]:
        """All tokens, the newest first; sign-ins and former secrets are none."""
        found = [token for token in self._by_id.values() if token.kind == "token"]
        return sorted(found, key=lambda token: (token.created_at, token.token_id), reverse=True)

    def token(self, token_id: str) -> StoredToken | None:
        """The token of that id."""
        return self._by_id.get(token_id)

    def stored(self, secret: bytes) -> StoredToken | None:
        """The token, sign-in or former secret that this secret is of, whether it holds or not."""
        known = self._by_digest.get(digest_of(secret))
        return None if known is None else known.token


def _ended(token: StoredToken, how: str, at: float) -> str:
    if token.kind == "session":
        return f"this browser's sign-in ended on {_shown(at)}: sign in again"
    if token.kind == "former":
        return f"token {token.prefix}… was rotated, and held until {_shown(at)}: use its new secret"
    return f"token {token.prefix}… {how} on {_shown(at)}; {_ASK}"


def _check(token: StoredToken, now: float) -> None:
    if not token.scopes:
        raise Unauthorized("unknown", f"token {token.prefix}… cannot be read in the database; {_ASK}")
    if token.revoked_at is not None:
        raise Unauthorized("revoked", _ended(token, "was revoked", token.revoked_at))
    if token.expires_at is not None and token.expires_at <= now:
        raise Unauthorized("expired", _ended(token, "expired", token.expires_at))


def _principal(token: StoredToken) -> Principal:
    return Principal.of(
        token.role,
        token.scopes,
        token_id=token.of_token or token.token_id,
        name=token.name,
        prefix=token.prefix,
        limits=Limits(**token.limits),
        by_cookie=token.kind == "session",
        former_until=token.expires_at if token.kind == "former" else None,
        digest=token.digest,
    )


def _unknown(secret: bytes) -> Unauthorized:
    why = misshapen(secret.decode("latin-1"))
    if why is not None:
        return Unauthorized("malformed", f"the token {why}; {_ASK}")
    return Unauthorized("unknown", f"there is no such token, or it was rotated; {_ASK}")


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
