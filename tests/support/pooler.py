"""A pooler before PostgreSQL, as pgbouncer is one: its clients share a few sessions of the server."""

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url
from sqlalchemy.engine import URL

_ENCRYPTION_REQUESTS = (80877103, 80877104)
_PROTOCOL = 196608


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    """The next message: its kind, and all of it."""
    head = _exactly(source, 5)
    return head[:1], head + _exactly(source, struct.unpack("!I", head[1:])[0] - 4)


class _Session:
    """One of the server's, ready for a transaction."""

    def __init__(self, path: str, user: str, database: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        words = b"user\0%s\0database\0%s\0\0" % (user.encode(), database.encode())
        self.socket.sendall(struct.pack("!II", 8 + len(words), _PROTOCOL) + words)
        self.says = b""
        while True:
            kind, message = _message(self.socket)
            if kind == b"S":
                self.says += message
            if kind == b"E":
                raise ConnectionError(message)
            if kind == b"Z":
                return


class _Pooler:
    def __init__(self, url: URL, *, per_transaction: bool) -> None:
        folder = str(url.query["host"])
        self._server = f"{folder}/.s.PGSQL.{url.port or 5432}", url.username or "postgres", url.database or ""
        self._per_transaction = per_transaction
        self._idle: list[_Session] = []
        self._all: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self._listening, *self._all):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._all.append(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _take(self) -> _Session:
        if self._idle:
            return self._idle.pop()
        session = _Session(*self._server)
        self._all.append(session.socket)
        return session

    def _serve(self, client: socket.socket) -> None:
        try:
            while True:
                length, code = struct.unpack("!II", _exactly(client, 8))
                _exactly(client, length - 8)
                if code not in _ENCRYPTION_REQUESTS:
                    break
                client.sendall(b"N")
            session = self._take()
            key = struct.pack("!cIII", b"K", 12, 4242, 0)
            client.sendall(struct.pack("!cII", b"R", 8, 0) + session.says + key + struct.pack("!cIc", b"Z", 5, b"I"))
            if self._per_transaction:
                self._idle.append(session)
            while True:
                message = _message(client)
                if message[0] == b"X":
                    return
                if self._per_transaction:
                    session = self._take()
                self._transaction(client, session, message)
                if self._per_transaction:
                    self._idle.append(session)
        except (ConnectionError, OSError, ValueError):
            return

    def _transaction(self, client: socket.socket, session: _Session, first: tuple[bytes, bytes]) -> None:
        """Pass on what both say until the transaction is over."""
        session.socket.sendall(first[1])
        awaited = first[0] in (b"Q", b"S")
        answers = int(awaited)
        while True:
            ready, _, _ = select.select([client, session.socket], [], [])
            if client in ready:
                kind, message = _message(client)
                answers += kind in (b"Q", b"S")
                session.socket.sendall(message)
            if session.socket in ready:
                kind, message = _message(session.socket)
                client.sendall(message)
                if kind == b"Z":
                    answers -= 1
                    if not answers and message[-1:] == b"I":
                        return


@contextmanager
def pooled(url: str, *, per_transaction: bool) -> Iterator[str]:
    """The URL of a pooler before the database of `url`: each client has a session of its own, or only for each
    transaction."""
    direct = make_url(url)
    pooler = _Pooler(direct, per_transaction=per_transaction)
    try:
        there = direct.set(host="127.0.0.1", port=pooler.port, query={})
        yield there.render_as_string(hide_password=False)
    finally:
        pooler.close()
