"""Who a request comes from, and what it may do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from lrtune.service.wire.access.bodies import ALL_STUDIES, Limits

RANKS: dict[str | None, int] = {"viewer": 1, "worker": 2, "admin": 3}
"""Each role may do what those before it may."""


def matcher(scopes: Sequence[str]) -> re.Pattern[str]:
    """A pattern that the names of the studies in scope match in full."""
    return re.compile("|".join(translate(scope.replace("[", "[[]")) for scope in scopes) or r"(?!)")


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token; or anyone, where there are no tokens; or a stranger, who has no role."""

    role: str | None
    scopes: tuple[str, ...] = ()
    token_id: str | None = None
    name: str = ""
    prefix: str = ""
    limits: Limits = field(default_factory=Limits)
    by_cookie: bool = False
    """Whether a browser that signed in sent it, by itself perhaps."""
    former_until: float | None = None
    """Of who shows the former secret of a token that was rotated: until when that holds."""
    digest: str = field(default="", compare=False, repr=False)
    """That of the secret that was shown; empty where none was."""
    _studies: re.Pattern[str] = field(default=re.compile(r"(?!)"), compare=False)
    # Worked out once: they are asked for at each request.
    rank: int = field(init=False, compare=False)
    """That of the role, 0 without one."""
    everywhere: bool = field(init=False, compare=False)
    """Whether every study is in scope."""
    shown: str = field(init=False, compare=False)
    """How it is called in the audit and in the log."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", RANKS.get(self.role, 0))
        object.__setattr__(self, "everywhere", ALL_STUDIES in self.scopes)
        shown = self.name or self.prefix or ("anyone" if self.role else "stranger")
        object.__setattr__(self, "shown", shown)

    @classmethod
    def of(cls, role: str, scopes: Sequence[str], **more: object) -> "Principal":
        """One with this role for the studies in scope."""
        return cls(role, tuple(scopes), _studies=matcher(scopes), **more)  # type: ignore[arg-type]

    def may(self, role: str) -> bool:
        """Whether it may do what this role may."""
        return self.rank >= RANKS[role]

    def sees(self, study: str) -> bool:
        """Whether the study of that name is in its scope."""
        return self.everywhere or self._studies.fullmatch(study) is not None


ANYONE = Principal.of("admin", [ALL_STUDIES])
"""Whoever reaches a service without tokens."""

STRANGER = Principal(None)
"""Who shows no token that holds."""

SCRAPER = Principal(None, name="metrics")
"""Who shows the secret for `/metrics`, and comes in there alone."""
