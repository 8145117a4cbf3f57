"""Where the service stands: which proxies are before it, and under which path they show it."""

from collections.abc import Sequence
from ipaddress import IPv4Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PEER = "lrtune.peer"


class Forwarded:
    """ASGI middleware: whom a proxy forwards for, by `X-Forwarded-For` and `X-Forwarded-Proto`, is who is asking.

    Only the proxies of the named networks are believed; of a chain of addresses, the last that is none of theirs
    counts. What else comes with these headers is left unread.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app: ASGIApp = ProxyHeadersMiddleware(_Addresses(app), _networks(proxies))  # type: ignore[arg-type, assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope[_PEER] = scope.get("client")
        await self._app(scope, receive, send)


class _Addresses:
    """Takes a client that is no IP address for the proxy: a proxy that passes the header on as it came forwards
    anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None and not _is_address(client[0]):
            scope["client"] = scope[_PEER]
        await self._app(scope, receive, send)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _networks(proxies: Sequence[str]) -> list[str]:
    """The networks, those of IPv4 also as a socket for both kinds shows them."""
    found: list[str] = []
    for proxy in proxies:
        network = ip_network(proxy)
        found.append(str(network))
        if isinstance(network, IPv4Network):
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


class WithoutPrefix:
    """ASGI middleware before all that look at paths: takes `prefix` off the path, where a proxy has left it there."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == self._prefix or path.startswith(f"{self._prefix}/"):
                path = path[len(self._prefix) :] or "/"
            scope = {**scope, "path": path, "root_path": self._prefix}
        await self._app(scope, receive, send)


class WithPrefix:
    """ASGI middleware before the endpoints: puts it there, as the ASGI specification has it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = {**scope, "path": self._prefix + scope["path"], "root_path": self._prefix}
        await self._app(scope, receive, send)
