"""One connection to a service: sends requests with retries, turns problems into errors."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from lrtune.service.wire.base import Page
from lrtune.service.wire.trials import Problem
from lrtune.trainers.client.retry import Retry, retry_after_seconds
from lrtune.trainers.errors import LrtuneError, ServiceUnreachable, error_for

DEFAULT_SERVER = "http://127.0.0.1:8080"
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0

PAGE_ITEMS = 200
"""Of a list, in one request."""

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")


def server_address(server: str | None) -> str:
    """`server`, else LRTUNE_SERVER, else the loopback default; without a trailing slash.

    Raises LrtuneError where it is not an http(s) URL.
    """
    address = (server or os.environ.get("LRTUNE_SERVER") or DEFAULT_SERVER).rstrip("/")
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise LrtuneError(f"{address!r} is not a URL ({error}): write http://HOST:PORT") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise LrtuneError(f"{address!r} is not the address of a service: write http://HOST:PORT")
    return address


class Connection:
    """A pool of connections to `server`. Safe to use from several threads; close it, or use `with`."""

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        retry: Retry | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.server = server_address(server)
        self.retry = retry or Retry()
        headers = {"User-Agent": f"lrtune/{_own_version()}", "Accept": "application/json"}
        token = token or os.environ.get("LRTUNE_TOKEN")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx2.Client(
            headers=headers,
            transport=transport,
            trust_env=httpx2.URL(self.server).host not in ("127.0.0.1", "localhost", "::1"),
            timeout=httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sockets."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        repeatable: bool = True,
        timeout_seconds: float | None = None,
        retry: Retry | None = None,
    ) -> httpx2.Response:
        """The successful answer. `repeatable`: a copy of this request does no harm (see `client.retry`).

        Raises ServiceError, or ServiceUnreachable once the retries are used up.
        """
        request = self._http.build_request(
            method,
            f"{self.server}{path}",
            params={key: str(value) for key, value in (query or {}).items() if value is not None},
            content=None if body is None else to_json(body),
            headers={} if body is None else {"Content-Type": "application/json"},
            timeout=httpx2.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds,
        )
        try:
            return (retry or self.retry)(lambda: self._send_once(request), repeatable=repeatable)
        except httpx2.TransportError as error:
            raise ServiceUnreachable(self.server, _cause(error)) from error

    def _send_once(self, request: httpx2.Request) -> httpx2.Response:
        response = self._http.send(request)
        if response.is_success:
            return response
        after = retry_after_seconds(response.headers.get("Retry-After"), now=datetime.now(UTC))
        raise error_for(_problem(request, response), retry_after_seconds=after)

    def get(self, model: type[Model], path: str, **how: Any) -> Model:
        """GET `path`, read as `model`."""
        return self.read(model, self.send("GET", path, **how))

    def post(self, model: type[Model], path: str, body: object, **how: Any) -> Model:
        """POST `body` to `path`, the answer read as `model`."""
        return self.read(model, self.send("POST", path, body=body, **how))

    def patch(self, model: type[Model], path: str, changes: object) -> Model:
        """PATCH `path` with `changes`, the answer read as `model`."""
        return self.read(model, self.send("PATCH", path, body=changes))

    def items(self, page: type[Page[Item]], path: str, **query: object) -> Iterator[Item]:
        """Everything in the list at `path`, which comes in pages of the model `page`."""
        cursor: str | None = None
        while True:
            found = self.get(page, path, query={"limit": PAGE_ITEMS, "cursor": cursor, **query})
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return

    def read(self, model: type[Model], response: httpx2.Response) -> Model:
        """The answer's body as `model`. Raises LrtuneError where it is something else."""
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise LrtuneError(
                f"{self.server} does not answer like an lrtune service of this version "
                f"({error.error_count()} unexpected fields in a {model.__name__}): check the address, "
                "and that service and trainer have the same version"
            ) from error


def study_path(name: str) -> str:
    """`/v1/studies/NAME`, quoted."""
    return f"/v1/studies/{quote(name, safe='')}"


def _problem(request: httpx2.Request, response: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        text = " ".join(response.text.split())[:200]
        detail = f"{request.method} {request.url} answered {response.status_code} {text}".rstrip()
        return Problem(type="about:blank", title=response.reason_phrase, status=response.status_code, detail=detail)


def _cause(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    text = " ".join(str(error).split())
    return text.partition("] ")[2].lower() or text or type(error).__name__


def _own_version() -> str:
    try:
        return version("lrtune")
    except PackageNotFoundError:
        return "0"
