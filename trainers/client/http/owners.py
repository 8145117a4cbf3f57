"""Which of several processes of a service answers for a study: later requests go straight there, without a hop."""

import re
from collections.abc import Callable
from http import HTTPStatus

import httpx2

from lrtune.trainers.client.http.authorization import is_loopback

OWNER_HEADER = "lrtune-owner"
_UNREAD = "lrtune-unread"
OWNER_SECONDS = 2.0
"""To connect to an owner; who is not reached so soon may be in a network that is not ours."""
_OF_STUDY = re.compile(r"/v1/studies/([^/?]+)")
_MOST = 1_000


class Owners:
    """What a service has said of its owners. An address that was not reached is asked for nothing any more.

    The token goes along, so an address is followed only where that is no worse than the server's own: of the same
    scheme, and on loopback only where the server is.
    """

    def __init__(self, server: str) -> None:
        self._server = httpx2.URL(server)
        self._of: dict[str, str] = {}
        self._avoided: set[str] = set()

    def straight(self, path: str, send: Callable[[str], httpx2.Response]) -> httpx2.Response | None:
        """The answer of the owner of the study that `path` is about, by `send`, which is given its address; None where
        none is known, or it has not read the request: then the server is to be asked. Raises what `send` does."""
        study = _study_of(path) if self._of else None
        owner = None if study is None else self._of.get(study)
        if study is None or owner is None:
            return None
        try:
            answer = send(owner)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            self._avoid(owner)
            return None
        except httpx2.TransportError:
            self._of.pop(study, None)
            raise
        if answer.status_code == HTTPStatus.MISDIRECTED_REQUEST or _UNREAD in answer.headers:
            self._of.pop(study, None)
            return None
        return answer

    def note(self, path: str, response: httpx2.Response) -> None:
        """Remember what an answer says."""
        told = response.headers.get(OWNER_HEADER)
        if told is None:
            return
        study, address = _study_of(path), told.rstrip("/")
        if study is not None and address not in self._avoided and self._may_follow(address):
            if len(self._of) >= _MOST:
                self._of.clear()
            self._of[study] = address

    def _avoid(self, address: str) -> None:
        self._avoided.add(address)
        self._of = {study: at for study, at in self._of.items() if at != address}

    def _may_follow(self, address: str) -> bool:
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL:
            return False
        return url.scheme == self._server.scheme and (is_loopback(self._server.host) or not is_loopback(url.host))


def _study_of(path: str) -> str | None:
    found = _OF_STUDY.match(path)
    return None if found is None else found[1]
