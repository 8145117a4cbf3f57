"""HTTP connections belong to the process that opened them: a forked child gets its own."""

import os
import threading
from collections.abc import Callable
from weakref import WeakSet

import httpx2

_pools: "WeakSet[Pool]" = WeakSet()
_of_parents: list[httpx2.Client] = []
"""Kept in a forked child, so that nothing closes, or says goodbye on, a connection that the parent goes on using."""


class Pool:
    """The HTTP client of this process, made by `opened` when it is first needed."""

    def __init__(self, opened: Callable[[], httpx2.Client]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None
        self._closed = False
        _pools.add(self)

    def client(self) -> httpx2.Client:
        """Raises RuntimeError once it is closed."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this Client is closed: make another, Client(server)")
            if self._client is None:
                self._client = self._opened()
            return self._client

    def close(self) -> None:
        """Closes the sockets of this process."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def begin_in_child(self) -> None:
        """Forget what the parent opened. Another thread of the parent may have held the lock at the fork."""
        self._lock = threading.Lock()
        if self._client is not None:
            _of_parents.append(self._client)
            self._client = None


def _after_fork() -> None:
    for pool in list(_pools):
        pool.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
