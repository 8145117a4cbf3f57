"""The token that a connection shows, and where it may be sent."""

import os
import warnings
from contextlib import suppress

import httpx2

from lrtune.service.wire.access.credentials import (
    TOKEN,
    Credential,
    CredentialUnusable,
    find_credential,
    home_file,
)
from lrtune.trainers.errors import LrtuneError, LrtuneWarning, TokenRefused

_LOOPBACK_NAMES = ("localhost", "::1")
_warned: set[str] = set()
"""Servers of which it was said, in this process, that tokens travel to them in plain sight."""


class Authorization:
    """One connection's token, from wherever it comes; read anew where the service does not take it any more.

    `known`: what another process had found, of which this is a copy. Raises LrtuneError for a token that cannot be
    used, and for an address that has a name and a password of its own to send.
    """

    def __init__(self, server: str, token: str | None = None, *, known: Credential | None = None) -> None:
        self._given = token
        self._credential = known or self._find()
        if self._credential is not None:
            _check_address(httpx2.URL(server))
            _warn_of_plain_http(server)

    def __repr__(self) -> str:
        return f"Authorization({self._credential!r})"

    @property
    def credential(self) -> Credential | None:
        """What is shown now; None where there is no token."""
        return self._credential

    @property
    def may_change(self) -> bool:
        """Whether the token lies in a file, where there may be another one later."""
        return self._given is None and not os.environ.get(TOKEN)

    def renewed_since(self, shown: Credential | None) -> bool:
        """Whether there is another token than the one that was `shown`, and refused: a file may hold a new one."""
        if _secret(self._credential) == _secret(shown):
            with suppress(CredentialUnusable):  # Half written, perhaps: the refusal is what there is to tell.
                self._credential = find_credential(self._given, again=True) or self._credential
        return _secret(self._credential) != _secret(shown)

    def advise(self, refused: TokenRefused) -> None:
        """Adds to a refusal whose token it was, or how to come by one."""
        if refused.problem.status == 403 and (self._credential is None or refused.problem.type != "not-allowed"):
            return
        if self._credential is None:
            refused.advise(
                f"set {TOKEN}, or write the token into {home_file() or 'a file that LRTUNE_TOKEN_FILE names'}"
            )
        else:
            refused.advise(f"the token shown was that of {self._credential.source}")

    def _find(self) -> Credential | None:
        try:
            return find_credential(self._given)
        except CredentialUnusable as error:
            raise LrtuneError(str(error)) from None


class NoToken(Authorization):
    """Of a connection that shows no token, whatever the environment holds: nobody asks it for one."""

    def __init__(self) -> None:
        self._given = self._credential = None

    @property
    def may_change(self) -> bool:
        """There never is one."""
        return False

    def renewed_since(self, shown: Credential | None) -> bool:
        """There never is another."""
        return False

    def advise(self, refused: TokenRefused) -> None:
        """There is none to come by."""


NO_TOKEN = NoToken()


def headers(credential: Credential | None) -> dict[str, str]:
    """How it is shown."""
    return {} if credential is None else {"Authorization": f"Bearer {credential.secret}"}


def is_loopback(host: str) -> bool:
    """Whether what is sent to that host stays on this machine."""
    return host in _LOOPBACK_NAMES or host.startswith("127.")


def _secret(credential: Credential | None) -> str | None:
    return None if credential is None else credential.secret


def _check_address(url: httpx2.URL) -> None:
    if url.userinfo:
        raise LrtuneError(
            f"the address of the service at {url.host} holds a user or a password, which would be sent in the token's "
            "place: take them out of it"
        )


def _warn_of_plain_http(server: str) -> None:
    url = httpx2.URL(server)
    if url.scheme == "https" or is_loopback(url.host) or server in _warned:
        return
    _warned.add(server)
    warnings.warn(
        f"the token is sent to {server} in plain sight, since the address is not https: whoever is on the way can read "
        "and use it",
        LrtuneWarning,
        stacklevel=5,
    )
