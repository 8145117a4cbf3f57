"""Whether somebody comes in: the one decision, whichever way they come."""

from collections.abc import Callable, Sequence

from lrtune.service.access.doors import Rule
from lrtune.service.access.errors import NotAllowed, NothingThere, Unauthorized
from lrtune.service.access.principal import ANYONE, STRANGER, Principal
from lrtune.service.access.registry import Registry
from lrtune.service.wire.access.secrets import misshapen

_SEND = "send one as `Authorization: Bearer lrt_…`; an admin makes one with `lrtune token create --role worker`"
_NO_TOKEN = f"that is the secret of a browser's sign-in, and no token: {_SEND}"
_SIGN_IN = "this browser is not signed in any more: sign in again"
Shown = tuple[bytes, bool]
"""The secret that somebody shows, and whether it came as the cookie of a sign-in, which a browser sends by itself."""


def let_in(registry: Registry, rule: Rule, study: str | None, shown: Callable[[], Shown], now: float) -> Principal:
    """Who comes in by a door with this rule, to this study. Raises Unauthorized, NotAllowed, NothingThere,
    StorageUnavailable.

    `shown` is asked for the secret, and raises Unauthorized where there is none. Any thread may call.
    """
    if rule.role is None and registry.version < 0:
        return STRANGER
    if not registry.secured:
        return ANYONE
    try:
        secret, by_cookie = shown()
        if by_cookie and misshapen(secret.decode("latin-1")) is not None:
            raise Unauthorized("unknown", _SIGN_IN)
        principal = registry.holder(secret, now)
        if principal.by_cookie is not by_cookie:  # Neither opens in place of the other.
            raise Unauthorized("unknown", _SIGN_IN if by_cookie else _NO_TOKEN)
    except Unauthorized:
        if rule.role is None:
            return STRANGER
        raise
    check(principal, rule, study)
    return principal


def check(principal: Principal, rule: Rule, study: str | None) -> None:
    """Raises NotAllowed where it may not come in by a door with this rule, to this study; NothingThere for no door."""
    sees = study is None or principal.sees(study)
    if sees and principal.rank >= rule.rank and (principal.everywhere or not rule.everywhere):
        return
    if not rule.known:
        raise NothingThere
    if principal.rank < rule.rank:
        raise NotAllowed(
            f"this needs the role {rule.role}, and the token {principal.prefix}… has {principal.role}: ask an admin "
            f"for a token of role {rule.role}"
        )
    if study is not None and not sees:
        raise beyond_scope(principal, study)
    raise NotAllowed(
        f"this needs a token for all studies (scope *), and {principal.prefix}… is for {', '.join(principal.scopes)}: "
        "ask an admin for one"
    )


def beyond_scope(principal: Principal, study: str) -> NotAllowed:
    """The refusal of a study that the token is not for, whether there is such a study or not."""
    return NotAllowed(
        f"the token {principal.prefix}… is for the studies {', '.join(principal.scopes)}, not for {study!r}: ask an "
        "admin for a token for that study"
    )


def bearer(values: Sequence[bytes]) -> bytes:
    """The secret in the values of a request's `Authorization`. Raises Unauthorized."""
    if len(values) > 1:
        raise Unauthorized("malformed", f"there are {len(values)} Authorization headers: {_SEND}")
    if not values:
        raise Unauthorized("missing", f"this service wants a token: {_SEND}")
    scheme, _, secret = values[0].partition(b" ")
    if scheme != b"Bearer" and scheme.lower() != b"bearer":
        raise Unauthorized("malformed", f"the Authorization header is not a Bearer token: {_SEND}")
    return secret.strip(b" ")
