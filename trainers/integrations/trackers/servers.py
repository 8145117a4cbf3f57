"""Whether a server is there, before it is asked for anything: a tracker's own client tries for minutes."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

CONNECT_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


def check_answers(address: str) -> None:
    """Raises ConnectionError where nothing listens at a http(s) address; one behind a proxy is not looked at."""
    parts = urlsplit(address)
    host = parts.hostname
    if parts.scheme not in _PORTS or host is None:
        return
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return
    try:
        socket.create_connection((host, parts.port or _PORTS[parts.scheme]), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers there: {error.strerror or error}") from error
