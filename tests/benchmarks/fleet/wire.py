"""How a simulated worker talks: to whichever of two services writes, again and again until it is answered."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.fleet.journal import Journal
from tests.benchmarks.storage.http_client import Connection, UnexpectedReply

_AGAIN_SECONDS = 0.25
"""Between two tries, give or take a half; the SDK waits as long at first."""
_TRIES_FOR_SECONDS = 120.0
_ANSWER_SECONDS = 60.0
_ELSEWHERE = (b'"standby"', b'"not-ready"', b'"shutting-down"')
"""Refusals by one who does not write: the other one may."""


class _CutConnection(Connection):
    """A connection that may break when the first byte of a reply arrives: the service has acted, and nobody knows."""

    cut = False

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self.cut and self._transport is not None:
            self._transport.abort()
        else:
            super().data_received(data)


class Route:
    """Which of the services is asked, for all workers of a process; as a proxy that follows what the services say."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)

    @property
    def address(self) -> str:
        """The one that is asked now."""
        return self._addresses[0]

    def leave(self, address: str) -> None:
        """It does not write: the next one may."""
        if address == self.address:
            self._addresses.append(self._addresses.pop(0))


class Wire:
    """One worker's connection. Notes each refusal, and how long each answer took."""

    def __init__(self, route: Route, journal: Journal, name: str, cut_share: float) -> None:
        self._route = route
        self._address = route.address
        self._journal = journal
        self._name = name
        self._cut_share = cut_share
        self._connection: _CutConnection | None = None

    async def call(self, endpoint: str, request: bytes, *accepted: int) -> tuple[int, Any]:
        """Send it until it is answered; the status and the JSON of the answer.

        Raises UnexpectedReply for a status that is not `accepted`, and where nobody answers for two minutes.
        """
        until = time.monotonic() + _TRIES_FOR_SECONDS
        while True:
            status, body = await self._try(endpoint, request)
            if status in accepted:
                return status, json.loads(body)
            if status not in (-1, 0, 429, 503):
                raise UnexpectedReply(f"{endpoint} got {status}: {body[:300].decode()}")
            if time.monotonic() > until:
                raise UnexpectedReply(f"{endpoint} got no answer for {_TRIES_FOR_SECONDS:.0f} s: {status}")
            if status >= 0:
                await asyncio.sleep(_AGAIN_SECONDS * random.uniform(0.5, 1.5))

    async def _try(self, endpoint: str, request: bytes) -> tuple[int, bytes]:
        """The answer; status -1 where the reply was cut off on purpose, 0 where there was none."""
        began = time.monotonic()
        try:
            connection = await self._connected()
        except OSError as error:
            return self._refused(endpoint, 0, str(error).encode())
        connection.cut = random.random() < self._cut_share
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def arrived(status: int, body: bytes) -> None:
            if not answered.done():
                answered.set_result((status, body))

        connection.send(request, arrived)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                status, body = await answered
        except TimeoutError:
            return self._refused(endpoint, 0, b"no answer in time")
        if status == 0 and connection.cut:
            self._connection = None
            self._journal.note("cut", at=began)
            return -1, b""
        if status in (0, 429, 503):
            return self._refused(endpoint, status, body)
        self._journal.time(endpoint, began, time.monotonic() - began)
        return status, body

    def _refused(self, endpoint: str, status: int, body: bytes) -> tuple[int, bytes]:
        told = {"worker": self._name, "endpoint": endpoint, "status": status, "text": body[:120].decode()}
        self._journal.note("refused", at=time.monotonic(), **told)
        if status == 0 or any(word in body for word in _ELSEWHERE):
            self.hang_up()
            self._route.leave(self._address)
        return status, body

    async def _connected(self) -> _CutConnection:
        if self._connection is None:
            self._address = self._route.address
            parts = urlsplit(self._address)
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(_CutConnection, parts.hostname, parts.port)
        return self._connection

    async def send_and_die(self, request: bytes) -> None:
        """Send it, and be killed before the answer."""
        if self._connection is not None:
            self._connection.send(request, lambda status, body: None)
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
