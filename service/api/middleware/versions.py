"""Whether a client and the service understand each other: what a client says that it speaks, in `lrtune-version`."""

import re
from collections.abc import Awaitable

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api.http.problems import problem
from lrtune.service.api.metrics import Metrics
from lrtune.service.wire.protocol import HEADER

_NAME = HEADER.encode()
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,8}")


class VersionCheck:
    """ASGI middleware that refuses what speaks none of the versions `oldest` to `newest` of the protocol (426), with
    what to install instead. Who does not say what it speaks is understood. `release` is the service's own.

    What every answer tells is in `service/connections/refusals.py`.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, oldest: int, newest: int, release: str) -> None:
        self._app = app
        self._metrics = metrics
        self._oldest = oldest
        self._newest = newest
        self._release = release
        self._spoken = frozenset(b"%d" % version for version in range(oldest, newest + 1))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""  # Not async: a frame less on the way of each.
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == _NAME and value not in self._spoken:
                    refused = self._refusal(value)
                    self._metrics.answered(scope["method"], "other", refused.status_code, 0.0)
                    return refused(scope, receive, send)
        return self._app(scope, receive, send)

    def _refusal(self, value: bytes) -> JSONResponse:
        if not _NUMBER.fullmatch(value):
            detail = f"{HEADER} must be a whole number, like {self._newest}; or leave the header out"
            return problem(400, "bad-request", "The version is no number", detail)
        version = int(value)
        spoken = f"{self._oldest} to {self._newest}" if self._oldest < self._newest else f"{self._newest}"
        detail = (
            f"the client speaks version {version} of the protocol, and this service, lrtune {self._release}, {spoken}: "
        )
        if version > self._newest:
            detail += "upgrade the service, pip install --upgrade 'lrtune[service]', or give the client the service's "
        else:
            detail += "upgrade the client to the service's "
        detail += f"release: pip install 'lrtune=={self._release}'"
        return problem(
            426,
            "version-not-spoken",
            "The client's version is not spoken here",
            detail,
            headers={"Upgrade": f"lrtune/{self._newest}", "Connection": "Upgrade"},  # RFC 9110, 15.5.22
            more={"oldest": self._oldest, "newest": self._newest},
        )
