"""Errors as RFC 9457 `application/problem+json`. One table maps error types to statuses."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lrtune.service.storage.errors import (
    SchemaMismatch,
    StorageUnavailable,
    StorageUrlInvalid,
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
    StudyNotFound,
    TrialNotFound,
)

_log = logging.getLogger(__name__)

PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    StudyNotFound: (404, "study-not-found", "No such study"),
    TrialNotFound: (404, "trial-not-found", "No such trial"),
    RangeTestNotFound: (404, "range-test-not-found", "No such range test"),
    StudyExists: (409, "study-exists", "The study exists"),
    LeaseLost: (409, "lease-lost", "The lease is lost"),
    BudgetSpent: (409, "budget-spent", "The budget is spent"),
    RequestIdTaken: (409, "request-id-taken", "The request id came before with another body"),
    StudyUnreadable: (409, "study-unreadable", "The study cannot be read"),
    InvalidField: (422, "invalid-body", "The request body is not valid"),
    WriterBusy: (503, "standby", "This instance is a standby"),
    StorageUnavailable: (503, "storage-unavailable", "The storage is away"),
    SchemaMismatch: (503, "schema-mismatch", "The database has another schema"),
    StorageUrlInvalid: (503, "storage-unavailable", "The storage is away"),
}
"""Error type → (status, problem type, title). A type that is not listed answers as the nearest of its bases does."""

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"application/problem+json": {"schema": schema}}}
    for status, description in (
        (404, "study-not-found, trial-not-found, range-test-not-found"),
        (409, "study-exists, lease-lost, budget-spent, request-id-taken, study-unreadable"),
        (413, "body-too-large"),
        (422, "invalid-body"),
        (503, "storage-unavailable, standby, schema-mismatch, not-ready"),
    )
    for schema in ({"$ref": "#/components/schemas/Problem"},)
}
"""The problems that any endpoint may answer, for the OpenAPI page."""


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
    return JSONResponse(body | (more or {}), status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every error of `app` into a problem."""
    for kind in PROBLEMS:
        app.add_exception_handler(kind, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unknown)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """The problem that an error is."""
    if _nearest(type(error)) is not None:
        return await _on_known(request, error)
    if isinstance(error, RequestValidationError):
        return await _on_invalid(request, error)
    return await _on_unknown(request, error)


def _nearest(kind: type[Exception]) -> type[Exception] | None:
    """The type of the table that an error of this type is one of, the most specific one; None where there is none."""
    return next((known for known in kind.__mro__ if known in PROBLEMS), None)


async def _on_known(_request: Request, error: Exception) -> JSONResponse:
    nearest = _nearest(type(error))
    assert nearest is not None
    status, kind, title = PROBLEMS[nearest]
    headers = None
    if status == 503:
        seconds = error.retry_after_seconds if isinstance(error, StorageUnavailable) else 5
        headers = {"Retry-After": str(max(1, round(seconds)))}
    errors = None
    if isinstance(error, InvalidField):
        errors = [{"loc": list(error.loc), "msg": error.message}]
    return problem(status, kind, title, str(error), errors=errors, headers=headers)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = readable_errors(list(error.errors()))
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{where}: {first['msg']}{more}"
    return problem(422, "invalid-body", "The request is not valid", detail, errors=errors)


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    details = {
        400: "the body cannot be read: send JSON in UTF-8, not nested deeply, with numbers of a few digits",
        404: "there is nothing at this path; /docs lists what there is",
        405: "this path does not take this method; /docs lists what it takes",
    }
    detail = details.get(error.status_code, str(error.detail))
    kind = phrase.lower().replace(" ", "-")
    return problem(error.status_code, kind, phrase, detail, headers=dict(error.headers or {}))


async def _on_unknown(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(
        500,
        "internal-error",
        "Internal error",
        "the service failed on this request and logged why; nothing of it is known to be kept: try again",
    )


def readable_errors(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pydantic's errors as `{loc, msg}`: places as the client wrote them, messages without pydantic's words."""
    readable: list[dict[str, Any]] = []
    for error in raw:
        loc = [part for part in error["loc"] if part != "body"] if error["loc"][:1] == ("body",) else error["loc"]
        found = _readable(list(loc), error)
        if found not in readable:
            readable.append(found)
    return readable


def _readable(loc: list[Any], error: dict[str, Any]) -> dict[str, Any]:
    message = str(error["msg"]).removeprefix("Value error, ")
    kind = error["type"]
    if kind == "json_invalid":
        reason = error.get("ctx", {}).get("error", message)
        return {"loc": [], "msg": f"the body is not JSON: {reason}"}
    if loc[:1] == ["params"] and len(loc) > 2:
        return {"loc": loc[:2], "msg": "must be a finite number, a text, true, false or null"}
    if loc[:1] == ["search_space"] and len(loc) == 1 and ": " in message:
        name, _, message = message.partition(": ")
        loc = [*loc, name]
    elif loc[:1] == ["search_space"] and len(loc) > 2 and loc[2] in ("float", "int", "categorical"):
        del loc[2]
    elif loc[:1] in (["sampler"], ["pruner"]) and len(loc) > 2:
        del loc[1]
    if kind == "union_tag_invalid":
        context = error.get("ctx", {})
        known = str(context.get("expected_tags", "")).replace("'", "")
        message = f"there is no {loc[-1] if loc else 'kind'} {context.get('tag')!r}; use one of {known}"
        loc = [*loc, str(context.get("discriminator", "name")).strip("'")]
    elif kind == "union_tag_not_found":
        message = "is missing: say which"
        loc = [*loc, str(error.get("ctx", {}).get("discriminator", "name")).strip("'")]
    elif kind in ("model_attributes_type", "model_type", "dict_type") and not loc:
        message = "the body must be a JSON object, sent with Content-Type: application/json"
    elif kind == "extra_forbidden":
        message = "there is no such field; check its spelling"
    elif kind == "missing":
        message = "is missing"
    elif kind == "finite_number":
        message = "must be a finite number"
    elif loc[-1:] == ["name"] and kind == "string_pattern_mismatch":
        message = "must be 1 to 128 of the letters A-Z a-z, digits and . _ - : @ +, beginning with a letter or digit"
    return {"loc": loc, "msg": message}
