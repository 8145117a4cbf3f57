"""Errors as RFC 9457 `application/problem+json`. One table maps error types to statuses."""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lrtune.service.access.errors import LastAdmin, NotAllowed, NothingThere, TokenInvalid, TokenNotFound, Unauthorized
from lrtune.service.access.limits import BodyTooLarge, Refused, TooManyRequests, TooManyStudies
from lrtune.service.api.http.bodies import UnreadableBody
from lrtune.service.api.http.methods import allowed_methods
from lrtune.service.api.http.names import study_meant
from lrtune.service.api.http.readable import readable_errors, shortened
from lrtune.service.storage.errors import (
    NotStorable,
    SchemaMismatch,
    StorageError,
    StorageUnavailable,
    StorageUnsuitable,
    StorageUrlInvalid,
    StudyElsewhere,
    StudyUnreadable,
    WriterBusy,
)
from lrtune.service.tuning.errors import (
    BudgetSpent,
    InvalidField,
    LeaseLost,
    RangeTestNotFound,
    RequestIdTaken,
    StudyExists,
    StudyHalfImported,
    StudyNotFound,
    TrialNotFound,
)

_log = logging.getLogger(__name__)
_OF_FILES = ("GET", "HEAD")
"""What folders of files take, which are no routes."""

PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    Unauthorized: (401, "token-refused", "A token is needed"),
    NotAllowed: (403, "not-allowed", "The token is not for this"),
    NothingThere: (404, "not-found", "Not Found"),
    TokenNotFound: (404, "token-not-found", "No such token"),
    LastAdmin: (409, "last-admin", "The last token that manages tokens"),
    TooManyRequests: (429, "too-many-requests", "Too many requests"),
    BodyTooLarge: (413, "body-too-large", "The body is too large"),
    TooManyStudies: (409, "too-many-studies", "Too many studies"),
    TokenInvalid: (422, "invalid-body", "The request body is not valid"),
    StudyNotFound: (404, "study-not-found", "No such study"),
    TrialNotFound: (404, "trial-not-found", "No such trial"),
    RangeTestNotFound: (404, "range-test-not-found", "No such range test"),
    StudyHalfImported: (409, "study-half-imported", "The study is not all there yet"),
    StudyExists: (409, "study-exists", "The study exists"),
    LeaseLost: (409, "lease-lost", "The lease is lost"),
    BudgetSpent: (409, "budget-spent", "The budget is spent"),
    RequestIdTaken: (409, "request-id-taken", "The request id came before with another body"),
    UnreadableBody: (400, "unreadable-body", "The request body cannot be read"),
    StudyElsewhere: (421, "study-elsewhere", "Another process serves the study"),
    StudyUnreadable: (409, "study-unreadable", "The study cannot be read"),
    InvalidField: (422, "invalid-body", "The request body is not valid"),
    NotStorable: (422, "not-storable", "The database cannot keep this"),
    WriterBusy: (503, "standby", "This instance is a standby"),
    StorageUnavailable: (503, "storage-unavailable", "The storage is away"),
    StorageUnsuitable: (503, "storage-unsuitable", "The database does not suit"),
    SchemaMismatch: (503, "schema-mismatch", "The database has another schema"),
    StorageUrlInvalid: (503, "storage-unavailable", "The storage is away"),
}
"""Error type → (status, problem type, title). A type that is not listed answers as the nearest of its bases does."""

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in (
        (400, "unreadable-body, bad-request"),
        (401, "token-refused"),
        (403, "not-allowed, origin-not-allowed, dashboard-read-only"),
        (
            404,
            "not-found, study-not-found, trial-not-found, range-test-not-found, token-not-found, "
            "dashboard-at-root-only",
        ),
        (405, "method-not-allowed"),
        (
            409,
            "study-exists, study-half-imported, lease-lost, budget-spent, request-id-taken, study-unreadable, "
            "last-admin, too-many-studies",
        ),
        (408, "request-timeout"),
        (413, "body-too-large"),
        (421, "host-not-allowed, study-elsewhere"),
        (422, "invalid-body, not-storable"),
        (426, "version-not-spoken"),
        (429, "too-many-requests"),
        (431, "head-too-large"),
        (500, "internal-error"),
        (
            503,
            "storage-unavailable, storage-unsuitable, standby, schema-mismatch, not-ready, "
            "too-many-connections, too-many-bodies, shutting-down",
        ),
    )
}
"""The problems that any endpoint may answer, for the OpenAPI page."""


class _Problem(JSONResponse):
    """In valid UTF-8, whatever text it quotes."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def problem(
    status: int,
    kind: str,
    title: str,
    detail: str,
    *,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> JSONResponse:
    """A problem+json response; `more` are members beside the standard ones."""
    body: dict[str, Any] = {"type": kind, "title": title, "status": status, "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return _Problem(body | (more or {}), status, headers)


ErrorPage = Callable[[Request, JSONResponse], Response | None]
"""The page of a problem, for who asks for a page; None for all others."""


def install(app: FastAPI, error_page: ErrorPage | None = None) -> None:
    """Turn every error of `app` into a problem, or into the page of one."""
    app.state.error_page = error_page
    for kind in PROBLEMS:
        app.add_exception_handler(kind, answer)
    for kind in (RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """The problem that an error is, or its page."""
    told = await _problem_of(request, error)
    app = request.scope.get("app")
    error_page: ErrorPage | None = None if app is None else getattr(app.state, "error_page", None)
    return told if error_page is None else error_page(request, told) or told


async def _problem_of(request: Request, error: Exception) -> JSONResponse:
    if _nearest(type(error)) is not None:
        return await _on_known(request, error)
    if isinstance(error, RequestValidationError):
        return await _on_invalid(request, error)
    if isinstance(error, HTTPException):
        return await _on_http(request, error)
    return await _on_unknown(request, error)


def extended(response: Response, **members: str) -> JSONResponse:
    """The same problem with more members."""
    content = json.loads(bytes(response.body)) | members
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return _Problem(content, response.status_code, headers)


def _nearest(kind: type[Exception]) -> type[Exception] | None:
    """The type of the table that an error of this type is one of, the most specific one; None where there is none."""
    return next((known for known in kind.__mro__ if known in PROBLEMS), None)


async def _on_known(request: Request, error: Exception) -> JSONResponse:
    nearest = _nearest(type(error))
    assert nearest is not None
    status, kind, title = PROBLEMS[nearest]
    headers = None
    if status == 503:
        seconds = error.retry_after_seconds if isinstance(error, StorageUnavailable) else 5
        headers = {"Retry-After": str(max(1, round(seconds)))}
    if status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="lrtune"'}
    if isinstance(error, StudyNotFound) and not error.of_optuna:
        error = StudyNotFound(error.name, hint=study_meant(request, error.name))
    errors, detail = None, _detail(request, error)
    if isinstance(error, InvalidField | TokenInvalid):
        errors, detail = [{"loc": list(error.loc), "msg": shortened(error.message)}], shortened(detail)
    more = None
    if isinstance(error, Refused):
        headers, more = error.headers, error.more
        request.app.state.metrics.limited(error.limit)
    return problem(status, kind, title, detail, errors=errors, headers=headers, more=more)


def _detail(request: Request, error: Exception) -> str:
    """What the error says; of the storage without its URL, which is nobody's affair who only talks to the service."""
    app = request.scope.get("app")
    container = None if app is None else getattr(app.state, "container", None)
    if container is None or not isinstance(error, StorageError):
        return str(error)
    return str(container.engine.database.concealed(str(error)))


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors, more = readable_errors(error.errors())
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    more += len(errors) - 1
    detail = f"{where}: {first['msg']}" + (f" (and {more:,} more)" if more else "")
    return problem(422, "invalid-body", "The request is not valid", detail, errors=errors)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed_methods(request.scope) or _OF_FILES)
    phrase = HTTPStatus(error.status_code).phrase
    details = {
        404: "there is nothing at this path; /docs lists what there is",
        405: "this path does not take this method; /docs lists what it takes",
    }
    detail = details.get(error.status_code, str(error.detail))
    kind = phrase.lower().replace(" ", "-")
    return problem(error.status_code, kind, phrase, detail, headers=headers)


async def _on_unknown(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(
        500,
        "internal-error",
        "Internal error",
        "the service failed on this request and logged why; nothing of it is known to be kept: try again",
    )
