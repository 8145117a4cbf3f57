"""Why somebody is not let in, or a token cannot be as it was asked for.

AccessError
├── Unauthorized         no token, or none that holds
├── NotAllowed           a token that holds, and not for this
├── NothingThere         a token that holds, and no such door for it
├── TokenNotFound        there is no token of that id
├── TokenInvalid         a new token cannot be so; `loc` says which field
└── LastAdmin            nobody could manage tokens any more
"""


class AccessError(Exception):
    """Base of all; the text names the situation and the remedy, and never a secret."""


class Unauthorized(AccessError):
    """No token was shown, or none that holds. `reason`, for counts: missing, malformed, unknown, expired, revoked."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class NotAllowed(AccessError):
    """The token holds, and not for this."""


class NothingThere(AccessError):
    """The token holds, and there is no such door: none, or none that anybody promised to others than admins."""

    def __init__(self) -> None:
        super().__init__("there is nothing at this path for this token; /docs lists what there is")


class TokenNotFound(AccessError):
    """There is no token of that id."""

    def __init__(self, token_id: str) -> None:
        super().__init__(f"there is no token {token_id!r}; `lrtune token list` shows the ids")


class TokenInvalid(AccessError):
    """A new token cannot be so."""

    def __init__(self, loc: tuple[str, ...], message: str) -> None:
        super().__init__(f"{'.'.join(loc)}: {message}")
        self.loc = loc
        self.message = message


class LastAdmin(AccessError):
    """Without this token nobody could manage tokens any more."""
