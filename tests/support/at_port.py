"""A service of this process, at a port of its own, so that a client or a command can call it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from starlette.testclient import TestClient

from tests.fake_service import listening


@contextmanager
def at_port(client: TestClient) -> Iterator[str]:
    """The address of the service that `client` calls."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        where = str(request.url.raw_path, "ascii")
        headers = {"content-type": "application/json"}
        if "authorization" in request.headers:
            headers["authorization"] = request.headers["authorization"]
        found = client.request(request.method, where, content=request.content, headers=headers)
        return httpx2.Response(found.status_code, content=found.content, headers=dict(found.headers))

    with listening(answer) as address:
        yield address
