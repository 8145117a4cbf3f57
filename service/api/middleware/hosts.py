"""Who may talk to the service before there are tokens: requests that name it, and pages that it served itself.

A web page may send requests to any address. By DNS rebinding it makes its own name resolve to that of the service, so
that the browser takes both for one site: such a request carries the page's name in `Host`. Without rebinding it carries
the page's address in `Origin`. Programs that are not browsers send no `Origin`, and may send any `Host`.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api.http.problems import problem
from lrtune.service.api.metrics import Metrics

ANY = "*"
_REMEMBERED = 256
"""Values of the header whose check is kept."""
_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^\[\]:]*?)\.?)(?::(?P<port>[0-9]*))?")
_LOOPBACK_NAME = "localhost"
_LONGEST_SHOWN = 100


def is_loopback(address: str) -> bool:
    """Whether who listens on this address, or name, can be reached from this machine alone."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == _LOOPBACK_NAME


def split_host(text: str) -> tuple[str, str]:
    """The name and the port, "" where there is none, of `name`, `name:port`, `[::1]:port`; in lower case."""
    found = _HOST.fullmatch(text.lower())
    return (found["address"] or found["name"], found["port"] or "") if found else (text, "")


class AllowedHosts:
    """Which `Host` and `Origin` are taken by a service that listens on `listening`.

    It answers to loopback names and the address that it listens on; where that is not a loopback address, to any IP
    address, which no page can have as its name without being served from there; and to `more`.
    """

    def __init__(self, listening: str, more: Sequence[str] = ()) -> None:
        self._listening = listening.lower()
        self._beyond_loopback = not is_loopback(listening)
        self._more = {split_host(entry) for entry in more}
        self._any = ANY in more
        self._known: dict[bytes, bool] = {}

    def takes_host(self, host: bytes) -> bool:
        """Whether the service answers to this `Host`."""
        known = self._known.get(host)
        if known is None:
            known = self._any or self._is_allowed(*split_host(host.decode("latin-1")))
            if len(self._known) < _REMEMBERED:
                self._known[host] = known
        return known

    def _is_allowed(self, name: str, port: str) -> bool:
        if name == self._listening or (name, "") in self._more or (name, port) in self._more:
            return True
        try:
            return ip_address(name).is_loopback or self._beyond_loopback
        except ValueError:
            return name == _LOOPBACK_NAME

    def takes_origin(self, origin: bytes, host: bytes, asked_by: str) -> bool:
        """Whether a page of this `Origin` was served by the service, which the request calls `host`, or by an allowed
        host at its usual port, or at the one that stands beside it: a proxy may call the service by another name.

        `asked_by` is the scheme of the request. One that came by https is not of a page that came by http, which
        whoever is on the way may have written; a proxy that ends TLS may hand on what came by https as http."""
        scheme, separator, authority = origin.decode("latin-1").lower().partition("://")
        if not separator or scheme not in _PORTS or (asked_by == "https" and scheme == "http"):
            return False
        usual = _PORTS[scheme]
        name, port = split_host(authority)
        here, its_port = split_host(host.decode("latin-1"))
        if (name, port or usual) == (here, its_port or usual):
            return True
        return (name, port) in self._more or (port == usual and (name, "") in self._more)


class HostCheck:
    """ASGI middleware that refuses requests which do not name the service (421), or come from another site (403)."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts, metrics: Metrics) -> None:
        self._app = app
        self._allowed = allowed
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            host = origin = None
            for name, value in scope["headers"]:
                if name == b"host":
                    host = value
                    if not self._allowed.takes_host(value):
                        await self._refuse_host(value, scope, receive, send)
                        return
                elif name == b"origin":
                    origin = value
            if origin is not None and not self._allowed.takes_origin(origin, host or b"", scope.get("scheme", "http")):
                await self._refuse_origin(origin, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refuse_host(self, host: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        name = split_host(_shown(host))[0]
        detail = (
            f"this service does not answer to the name {name!r}: ask for its address, or allow the name where it is "
            f"started, by LRTUNE_ALLOWED_HOSTS={name} or --allowed-hosts"
        )
        self._metrics.answered(scope["method"], "other", 421, 0.0)
        await problem(421, "host-not-allowed", "The host is not allowed", detail)(scope, receive, send)

    async def _refuse_origin(self, origin: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        detail = (
            f"pages of {_shown(origin)!r} may not use this service; where that is this service behind a proxy, allow "
            "the host where the service is started, by LRTUNE_ALLOWED_HOSTS or --allowed-hosts"
        )
        self._metrics.answered(scope["method"], "other", 403, 0.0)
        await problem(403, "origin-not-allowed", "The origin is not allowed", detail)(scope, receive, send)


def _shown(header: bytes) -> str:
    return header[:_LONGEST_SHOWN].decode("latin-1")
