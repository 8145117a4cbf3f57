"""Access on the wire: tokens, who one is, and what was done by whom."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from lrtune.service.wire.access.secrets import holds_secret
from lrtune.service.wire.base import WHOLE, Body, Page, Reply, Storable, Time
from lrtune.service.wire.bounded import Bounded

Role = Literal["viewer", "worker", "admin"]
"""What a token may do: look; look and train; everything. Each includes the one before it."""

ALL_STUDIES = "*"


def _check_glob(glob: str) -> str:
    if "**" in glob:
        raise ValueError("write * once: it stands for any number of characters")
    return glob


Glob = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:@+\-*?]+$"),
    AfterValidator(_check_glob),
]
"""Which studies, by name: the characters of study names, `*` for any number of them and `?` for one."""


def _check_no_secret(name: str) -> str:
    if holds_secret(name.encode("utf-8", "replace")):
        raise ValueError("holds a token, and is shown to others: name it otherwise, and revoke that token")
    return name


_Rate = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False, strict=False)]
_Seconds = Annotated[float, Field(gt=0, le=100 * 366 * 86_400, allow_inf_nan=False, strict=False)]
_Count = Annotated[int, Field(ge=1, le=10**12), WHOLE]


class Limits(Body):
    """What who shows one token may take of the service; null where it may take as much as there is."""

    requests_per_second: _Rate | None = None
    asks_per_second: _Rate | None = None
    trials_per_hour: _Count | None = None
    """Trials that are begun, enqueued or recorded."""
    steps_per_hour: _Count | None = None
    """Steps that are reported."""
    studies: _Count | None = None
    """Studies that it created and that exist."""
    streams: _Count | None = None
    """Long polls, event streams and exports that are open at a time."""
    body_bytes: _Count | None = None
    """Of one request's body."""


class NewToken(Body):
    """The body of `POST /v1/tokens`."""

    role: Role
    scopes: Annotated[list[Glob], Bounded(50), Field(min_length=1)] = Field(default_factory=lambda: [ALL_STUDIES])
    """The studies for which it holds, by globs."""
    name: Annotated[Storable, StringConstraints(max_length=200), AfterValidator(_check_no_secret)] = ""
    """Who or what it is for."""
    expires_at: Annotated[Time, Field(strict=False)] | None = None
    expires_in_seconds: _Seconds | None = None
    """The same from now on. Without either it does not expire."""
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _one_expiry(self) -> Self:
        if self.expires_at is not None and self.expires_in_seconds is not None:
            raise ValueError("send expires_at or expires_in_seconds, not both")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError("expires_at needs a time zone: 2027-01-31T00:00:00Z")
        return self


class Token(Reply):
    """A token, without its secret."""

    id: str
    prefix: str
    """How the secret begins."""
    name: str
    role: Role
    scopes: list[str]
    created_at: Time
    created_by: str
    expires_at: Time | None
    last_used_at: Time | None
    """To a minute or so."""
    revoked_at: Time | None
    limits: Limits


class CreatedToken(Token):
    """A new token with its secret, which is told this once."""

    secret: Annotated[str, Field(repr=False)]


class TokenPage(Page[Token]):
    """Tokens, the newest first."""


class Rotation(Body):
    """The body of `POST /v1/tokens/{id}/rotate`."""

    grace_seconds: Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False, strict=False)] = 0.0
    """How long the old secret still holds."""


class FormerSecret(Reply):
    """A secret that a token had before it was rotated."""

    prefix: str
    """How it begins."""
    holds_until: Time


class Me(Reply):
    """Who a request comes from, and what it may do."""

    role: Role
    scopes: list[str]
    token: Token | None
    """Null where the service has no tokens: anyone who reaches it may do everything."""
    former: FormerSecret | None = None
    """The secret that was shown, where it is not the token's any more; `token.prefix` is that of the new one."""


class AuditEntry(Reply):
    """Something that was done to a study or to a token."""

    id: int
    at: Time
    actor: str
    """The name of the token that it was done with, or its prefix; `anyone` where there are no tokens."""
    token: str | None
    """The id of that token."""
    address: str | None
    """Where the request came from."""
    via: str
    """http, dashboard, grpc, command or service."""
    action: str
    """study.create, study.change, study.delete, trial.enqueue, trial.record, token.create, …"""
    subject: str
    """The name of the study, or the id of the token."""
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(Page[AuditEntry]):
    """What was done, the latest first."""
