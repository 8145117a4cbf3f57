"""Tokens, who one is, and what was done: the client's calls about access."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

from lrtune.service.wire.access import bodies as wire
from lrtune.trainers.client.http.bodies import valid
from lrtune.trainers.client.http.connection import Connection, reading
from lrtune.trainers.client.http.retry import certainly_not_processed
from lrtune.trainers.errors import ServiceUnreachable


class AccessCalls:
    """Of a `Client`. All but `me` need a token of role admin; those about tokens, one for all studies."""

    _connection: Connection

    def me(self) -> wire.Me:
        """Who this client is to the service, and what it may do."""
        return self._connection.get(wire.Me, "/v1/me")

    def create_token(
        self,
        role: wire.Role,
        *,
        scopes: Sequence[str] = (wire.ALL_STUDIES,),
        name: str = "",
        expires_in_seconds: float | None = None,
        expires_at: datetime | None = None,
        limits: wire.Limits | None = None,
    ) -> wire.CreatedToken:
        """A new token, whose `secret` is told this once. The first of a service must be an admin's for all studies.

        `scopes` are globs over the names of studies. Raises InvalidRequest where it cannot be so.
        """
        body = valid(
            wire.NewToken,
            role=role,
            scopes=list(scopes),
            name=name,
            expires_in_seconds=expires_in_seconds,
            expires_at=expires_at,
            limits=limits or wire.Limits(),
        )
        lost = "a token may have been made whose secret nobody knows: look with `lrtune token list`, and revoke it"
        return self._told_once("/v1/tokens", body, lost)

    def tokens(self) -> Iterator[wire.Token]:
        """All tokens, without their secrets, the newest first."""
        return self._connection.items(wire.TokenPage, "/v1/tokens")

    def revoke_token(self, token_id: str, *, force: bool = False) -> wire.Token:
        """End a token: within a second no process takes it. `force`: the last that can manage tokens, too."""
        query = {"force": "true" if force else None}
        return self._connection.send(reading(wire.Token), "DELETE", _path(token_id), query=query)

    def rotate_token(self, token_id: str, *, grace_seconds: float = 0.0) -> wire.CreatedToken:
        """Give a token a new `secret`, told this once; the one before holds for `grace_seconds` still."""
        body = valid(wire.Rotation, grace_seconds=grace_seconds)
        lost = "the token may have a new secret that nobody knows: rotate it again"
        return self._told_once(f"{_path(token_id)}/rotate", body, lost)

    def audit(
        self,
        *,
        study: str | None = None,
        token: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[wire.AuditEntry]:
        """What was done to studies and tokens, the latest first: to that study, with the token of that id, `since`."""
        query = {
            "study": study,
            "token": token,
            "action": action,
            "since": None if since is None else since.isoformat(),
        }
        return self._connection.items(wire.AuditPage, "/v1/audit", **query)

    def _told_once(self, path: str, body: object, lost: str) -> wire.CreatedToken:
        try:
            return self._connection.post(wire.CreatedToken, path, body, repeatable=False)
        except ServiceUnreachable as error:
            if not certainly_not_processed(error):
                error.advise(lost)
            raise


def _path(token_id: str) -> str:
    return f"/v1/tokens/{quote(token_id, safe='')}"
