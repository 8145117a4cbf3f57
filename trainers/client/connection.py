"""One connection to a service: sends requests with retries, turns problems into errors."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from lrtune.service.wire.base import Page
from lrtune.trainers.client.answers import foreign, own_problem
from lrtune.trainers.client.bodies import as_json
from lrtune.trainers.client.pool import Pool
from lrtune.trainers.client.retry import Retry, retry_after_seconds
from lrtune.trainers.errors import LrtuneError, ServiceUnreachable, error_for

DEFAULT_SERVER = "http://127.0.0.1:8080"
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0

PAGE_ITEMS = 200
"""Of a list, in one request."""

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


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
    """A pool of connections to `server`. Safe to use from several threads; close it, or use `with`.

    A forked child opens connections of its own. A pickled copy does too; it has the server, the token and the time
    for retries, and no transport of the caller's.
    """

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
        self._token = token or os.environ.get("LRTUNE_TOKEN")
        self._transport = transport
        self._heard = False
        self._pool = Pool(self._open)

    def _open(self) -> httpx2.Client:
        headers = {"User-Agent": f"lrtune/{_own_version()}", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return httpx2.Client(
            headers=headers,
            transport=self._transport,
            trust_env=httpx2.URL(self.server).host not in ("127.0.0.1", "localhost", "::1"),
            timeout=httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self._transport is not None:
            raise LrtuneError(
                "a Client with a transport of its own cannot be sent to another process: make one there, Client(server)"
            )
        return _reopened, (self.server, self._token, self.retry.total_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the sockets."""
        self._pool.close()

    def send(
        self,
        read: Callable[[httpx2.Response], Answer],
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        repeatable: bool = True,
        timeout_seconds: float | None = None,
        retry: Retry | None = None,
    ) -> Answer:
        """The successful answer, as `read` reads it; `read` raises ValueError for what the service never answers.

        `repeatable`: a copy of this request does no harm (see `client.retry`). Raises LrtuneError for a body that
        cannot be sent, ServiceError, or ServiceUnreachable once the retries are used up.
        """
        content = None if body is None else as_json(body)

        def send_once() -> Answer:
            http = self._pool.client()
            request = http.build_request(
                method,
                f"{self.server}{path}",
                params={key: str(value) for key, value in (query or {}).items() if value is not None},
                content=content,
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=httpx2.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds,
            )
            return self._understood(self._sent(http, request), read)

        try:
            return (retry or self.retry)(send_once, repeatable=repeatable, server=self.server)
        except httpx2.TransportError as error:
            raise ServiceUnreachable(self.server, _cause(error)) from error

    def _sent(self, http: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
        try:
            return http.send(request)
        except httpx2.DecodingError as error:  # Compressed by whoever stands in between, and broken.
            raise httpx2.RemoteProtocolError(str(error), request=request) from error

    def _understood(self, response: httpx2.Response, read: Callable[[httpx2.Response], Answer]) -> Answer:
        after = retry_after_seconds(response.headers.get("Retry-After"), now=datetime.now(UTC))
        if not response.is_success:
            problem = own_problem(response)
            if problem is None:
                raise foreign(self.server, response, heard=self._heard, after=after)
            self._heard = True
            raise error_for(problem, retry_after_seconds=after)
        try:
            answer = read(response)
        except ValueError as error:
            raise foreign(self.server, response, heard=self._heard, why=_misread(error)) from error
        self._heard = True
        return answer

    def get(self, model: type[Model], path: str, **how: Any) -> Model:
        """GET `path`, read as `model`."""
        return self.send(_reading(model), "GET", path, **how)

    def post(self, model: type[Model], path: str, body: object, **how: Any) -> Model:
        """POST `body` to `path`, the answer read as `model`."""
        return self.send(_reading(model), "POST", path, body=body, **how)

    def patch(self, model: type[Model], path: str, changes: object) -> Model:
        """PATCH `path` with `changes`, the answer read as `model`."""
        return self.send(_reading(model), "PATCH", path, body=changes)

    def delete(self, path: str) -> None:
        """DELETE `path`."""
        self.send(_nothing, "DELETE", path)

    def items(self, page: type[Page[Item]], path: str, **query: object) -> Iterator[Item]:
        """Everything in the list at `path`, which comes in pages of the model `page`."""
        cursor: str | None = None
        while True:
            found = self.get(page, path, query={"limit": PAGE_ITEMS, "cursor": cursor, **query})
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return


def study_path(name: str) -> str:
    """`/v1/studies/NAME`, quoted."""
    return f"/v1/studies/{quote(name, safe='')}"


def _reopened(server: str, token: str | None, total_seconds: float) -> Connection:
    return Connection(server, token=token, retry=Retry(total_seconds=total_seconds))


def _reading(model: type[Model]) -> Callable[[httpx2.Response], Model]:
    """Reads an answer as that model."""
    return lambda response: model.model_validate_json(response.content)


def _nothing(response: httpx2.Response) -> None:
    if response.status_code != 204:
        raise ValueError(f"{response.status_code}, not 204")


def _misread(error: ValueError) -> str:
    """What to do about an answer that is JSON but not the expected one; nothing where it is no JSON at all."""
    if not isinstance(error, ValidationError) or error.errors()[0]["type"] == "json_invalid":
        return ""
    what = f"a {error.title}" if error.title.isidentifier() else "the answer expected"
    return f"JSON, but not {what}; check the address, and that service and trainer have the same version"


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
