"""One connection to a service: sends requests with retries, turns problems into errors."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from lrtune.service.wire import protocol
from lrtune.service.wire.access.credentials import Credential, concealed
from lrtune.service.wire.base import NAME_RULE, Page, unaddressable
from lrtune.trainers.client.http.answers import cause, events, foreign, misread, nothing, own_problem
from lrtune.trainers.client.http.authorization import Authorization, headers, is_loopback
from lrtune.trainers.client.http.bodies import as_json
from lrtune.trainers.client.http.owners import OWNER_SECONDS, Owners
from lrtune.trainers.client.http.pool import Pool
from lrtune.trainers.client.http.retry import Retry, retry_after_seconds
from lrtune.trainers.client.http.tls import advise_of_tls, tls_context
from lrtune.trainers.errors import InvalidRequest, LrtuneError, ServiceUnreachable, TokenRefused, error_for, own_version

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
    if concealed(address) != address:
        raise LrtuneError("the address of the service has a token in it: set LRTUNE_TOKEN to that, and take it out")
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise LrtuneError(f"{address!r} is not a URL ({error}): write http://HOST:PORT") from None
    if url.scheme not in ("http", "https") or not url.host:
        remedy = "write http://HOST:PORT"
        if "://" not in address:  # What is kept in memory alone is nowhere once the script has ended.
            remedy += f", or local:{'lrtune.db' if address == ':memory:' else address} for a file"
        raise LrtuneError(f"{address!r} is not the address of a service: {remedy}")
    return address


class Connection:
    """A pool of connections to `server`. Safe to use from several threads; close it, or use `with`.

    A forked child opens connections of its own. A pickled copy does too; it has the server, the token and the time
    for retries, and no transport of the caller's. `known`: a token that was found before.
    """

    spools = True
    """Whether what cannot be told is kept until it can."""

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        retry: Retry | None = None,
        transport: httpx2.BaseTransport | None = None,
        known: Credential | None = None,
    ) -> None:
        self.server = self._address = server_address(server)
        self._token = token
        self._authorization = Authorization(self.server, token, known=known)
        self._begin(retry, transport)

    def _begin(self, retry: Retry | None, transport: httpx2.BaseTransport | None) -> None:
        self.retry = retry or Retry()
        self._transport = transport
        self._heard = False
        self._owners = Owners(self._address)
        self._pool = Pool(self._open)

    def _open(self) -> httpx2.Client:
        trust_env = not is_loopback(httpx2.URL(self._address).host)
        return httpx2.Client(
            headers={
                "User-Agent": f"lrtune/{own_version()}",
                "Accept": "application/json",
                protocol.HEADER: str(protocol.VERSION),
            },
            transport=self._transport,
            trust_env=trust_env,
            verify=tls_context(self._address, trust_env=trust_env),
            timeout=httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self._transport is not None:
            raise LrtuneError(
                "a Client with a transport of its own cannot be sent to another process: make one there, Client(server)"
            )
        return _reopened, (self.server, self._token, self._authorization.credential, self.retry.total_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def token_source(self) -> str | None:
        """Where the token was found that is shown now; None where none is."""
        credential = self._authorization.credential
        return None if credential is None else credential.source

    @property
    def awaits_token(self) -> bool:
        """Whether a token that is refused may have a successor soon: it lies in a file."""
        return self._authorization.may_change

    def close(self) -> None:
        """Closes the sockets."""
        self._pool.close()

    def release(self) -> None:
        """The same for a finalizer, which runs in any thread and must not wait."""
        self.close()

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

        `repeatable`: a copy of this request does no harm (see `client.http.retry`). Raises LrtuneError for a body that
        cannot be sent, ServiceError, or ServiceUnreachable once the retries are used up.
        """
        content = None if body is None else as_json(body)

        def request_to(address: str, shown: Credential | None, timeout: httpx2.Timeout) -> httpx2.Request:
            return self._pool.client().build_request(
                method,
                f"{address}{path}",
                params={key: _text(value) for key, value in (query or {}).items() if value is not None},
                content=content,
                headers=headers(shown) | ({} if body is None else {"Content-Type": "application/json"}),
                timeout=timeout,
            )

        def sent(shown: Credential | None) -> httpx2.Response:
            seconds = READ_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
            soon, timeout = (
                httpx2.Timeout(seconds, connect=limit) for limit in (OWNER_SECONDS, CONNECT_TIMEOUT_SECONDS)
            )
            answer = self._owners.straight(path, lambda owner: self._sent(request_to(owner, shown, soon)))
            if answer is None:
                answer = self._sent(request_to(self._address, shown, timeout))
            self._owners.note(path, answer)
            return answer

        def send_once() -> Answer:
            shown = self._authorization.credential
            response = sent(shown)
            if response.status_code == 401 and self._authorization.renewed_since(shown):
                response = sent(self._authorization.credential)
            return self._understood(response, read)

        return self.retried(send_once, repeatable=repeatable, retry=retry)

    def retried(
        self, send_once: Callable[[], Answer], *, repeatable: bool = True, retry: Retry | None = None
    ) -> Answer:
        """What `send_once` returns, at the latest try. Raises what `send` does."""
        try:
            return (retry or self.retry)(send_once, repeatable=repeatable, server=self.server)
        except httpx2.TransportError as error:
            raise self._unreachable(cause(error)) from error
        except TokenRefused as refused:
            self._authorization.advise(refused)
            raise

    def _unreachable(self, why: str) -> ServiceUnreachable:
        return advise_of_tls(ServiceUnreachable(self.server, why))

    @contextmanager
    def stream(
        self,
        path: str,
        told: Mapping[str, str],
        silent_seconds: float,
        read: Callable[[httpx2.Response], httpx2.Response] = events,
    ) -> Iterator[httpx2.Response]:
        """GET `path` with these headers, once: server-sent events, or what `read` takes the answer for, to be read as
        it comes; nothing for `silent_seconds` is a timeout. Raises ServiceError, ForeignAnswer,
        httpx2.TransportError."""
        shown = self._authorization.credential
        timeout = httpx2.Timeout(silent_seconds, connect=CONNECT_TIMEOUT_SECONDS)
        url, all_told = f"{self._address}{path}", {**headers(shown), **told}
        with self._pool.client().stream("GET", url, headers=all_told, timeout=timeout) as response:
            if not response.is_success:
                response.read()
            renewed = response.status_code == 401 and self._authorization.renewed_since(shown)
            if not renewed:
                yield self._understood(response, read)
        if renewed:
            with self.stream(path, told, silent_seconds, read) as response:
                yield response

    def _sent(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return self._pool.client().send(request, follow_redirects=False)
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
            raise foreign(self.server, response, heard=self._heard, why=misread(error)) from error
        self._heard = True
        return answer

    def get(self, model: type[Model], path: str, **how: Any) -> Model:
        """GET `path`, read as `model`."""
        return self.send(reading(model), "GET", path, **how)

    def post(self, model: type[Model], path: str, body: object, **how: Any) -> Model:
        """POST `body` to `path`, the answer read as `model`."""
        return self.send(reading(model), "POST", path, body=body, **how)

    def patch(self, model: type[Model], path: str, changes: object) -> Model:
        """PATCH `path` with `changes`, the answer read as `model`."""
        return self.send(reading(model), "PATCH", path, body=changes)

    def delete(self, path: str) -> None:
        """DELETE `path`."""
        self.send(nothing, "DELETE", path)

    def items(self, page: type[Page[Item]], path: str, **query: object) -> Iterator[Item]:
        """Everything in the list at `path`, which comes in pages of the model `page`."""
        cursor: str | None = None
        while True:
            found = self.get(page, path, query={"limit": PAGE_ITEMS, "cursor": cursor, **query})
            yield from found.items
            cursor = found.next_cursor
            if cursor is None:
                return


def _text(value: object) -> str | list[str]:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def study_path(name: str) -> str:
    """`/v1/studies/NAME`, quoted. Raises InvalidRequest for a name that no path holds."""
    if unaddressable(name):
        raise InvalidRequest("name", f"{NAME_RULE}, not {name!r:.80}")
    return f"/v1/studies/{quote(name, safe='')}"


def _reopened(server: str, token: str | None, known: Credential | None, total_seconds: float) -> Connection:
    return Connection(server, token=token, known=known, retry=Retry(total_seconds=total_seconds))


def reading(model: type[Model]) -> Callable[[httpx2.Response], Model]:
    """For `send`: reads an answer as that model."""
    return lambda response: model.model_validate_json(response.content)
