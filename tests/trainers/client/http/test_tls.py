"""Who speaks http to a port of https, or the other way round, is told so."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lrtune import Client, ServiceUnreachable

_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
"""What a TLS server may say to what is no TLS."""


@contextmanager
def answering(what: bytes) -> Iterator[int]:
    """A port where whatever comes is answered so, and the connection closed."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                opened, _ = listening.accept()
            except OSError:
                return
            with opened:
                opened.recv(65_536)
                opened.sendall(what)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _told(address: str) -> str:
    with Client(address, retry_seconds=0) as client, pytest.raises(ServiceUnreachable) as refused:
        client.study("s")
    return str(refused.value)


@pytest.mark.parametrize("what", [b"", _ALERT])
def test_who_speaks_http_where_https_may_be_served_is_told_the_address(what: bytes) -> None:
    with answering(what) as port:
        told = _told(f"http://127.0.0.1:{port}")
    assert told.endswith(f"; or it serves https: then the address is https://127.0.0.1:{port}")


def test_who_speaks_https_where_http_is_served_is_told_the_address() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        told = _told(f"https://127.0.0.1:{port}")
    assert told.endswith(f"; or it serves http, not https: then the address is http://127.0.0.1:{port}")


def test_where_nothing_listens_nothing_is_said_of_https() -> None:
    assert "https" not in _told("http://127.0.0.1:1")
