"""Signing in with a token, for browsers: `/sign-in` and `/sign-out`.

The cookie holds a secret of its own, new at each sign-in, which ends with the token, with its rotation, after 12 hours,
or when one signs out.
"""

from functools import partial
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from lrtune.service.access.errors import NotAllowed, Unauthorized
from lrtune.service.access.limits import TooManyRequests
from lrtune.service.access.principal import Principal
from lrtune.service.api.container import Caller, Container, Parts
from lrtune.service.api.middleware.browsers import COOKIE, SIGN_IN, require_origin, session_secret, session_secrets
from lrtune.service.api.middleware.limiting import address_of, until_gone
from lrtune.service.sentences.words import paragraph
from lrtune.service.storage.errors import StorageError
from lrtune.service.web.pages import page
from lrtune.service.web.paths import way_back

router = APIRouter(include_in_schema=False)

_ENDS = ("expired", "revoked")
_FORM = "application/x-www-form-urlencoded"
_LARGEST_FORM = 16_384
_MOST_FIELDS = 10


class _Unreadable(Exception):
    """The form cannot be read: the status, and what to do."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@router.get(SIGN_IN)
async def sign_in_page(request: Request, parts: Parts, caller: Caller, next: str = "") -> Response:
    """The form; to who is signed in, as whom."""
    return _page(request, caller, back=way_back(next), why=_ended(request, parts, caller))


@router.post(SIGN_IN)
async def sign_in(request: Request, parts: Parts, caller: Caller) -> Response:
    """Take the form: a cookie, and back to where one came from; or the form again, with what was wrong."""
    back = None
    try:
        require_origin(request.scope)
        form = await _form(request)
        back = way_back(form.get("next", ""))
        if not parts.access.registry.secured:
            return _page(request, caller, back=back)
        secret, seconds = await parts.access.sign_in(_token(form), _cookie(request, parts))
    except Unauthorized as error:
        return await _refused(request, parts, caller, back, error)
    except (NotAllowed, _Unreadable) as error:
        status = error.status if isinstance(error, _Unreadable) else 403
        return _page(request, caller, back=back, why=str(error), status=status)
    except StorageError as error:
        why = parts.engine.database.concealed(str(error))
        return _page(request, caller, back=back, why=why, status=503)
    answer = RedirectResponse(back or _root(request) + SIGN_IN, 303)
    return _with_cookie(answer, request, secret, int(seconds))


async def _refused(
    request: Request, parts: Container, caller: Principal, back: str | None, error: Unauthorized
) -> Response:
    """The form again; who shows many wrong tokens waits for it. Programs are told to ask for a worker's token; who sits
    before a browser mostly looks."""
    try:
        await parts.gate.wrong(address_of(request.scope), error.reason, partial(until_gone, request.receive))
    except TooManyRequests as instead:
        answer = _page(request, caller, back=back, why=str(instead), status=429)
        answer.headers.update(instead.headers)
        return answer
    why = paragraph([str(error).replace("--role worker", "--role viewer")])
    return _page(request, caller, back=back, why=why, status=401)


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """End the sign-in, also where its token has ended."""
    for session in session_secrets(request.scope["headers"]):
        await parts.access.sign_out(session)
    answer = RedirectResponse(_root(request) + SIGN_IN, 303)
    return _with_cookie(answer, request, "", 0)


def _page(
    request: Request,
    caller: Principal,
    *,
    back: str | None,
    why: str | None = None,
    status: int = 200,
) -> Response:
    headers = {401: {"WWW-Authenticate": 'Bearer realm="lrtune"'}, 503: {"Retry-After": "5"}}.get(status)
    return page(
        request,
        "sign_in.html",
        status,
        headers,
        caller=caller,
        is_open=caller.role is not None and caller.token_id is None,
        back=back,
        why=None if why is None else why.replace("`", ""),
        has_dashboard=any(route.name == "optuna-dashboard" for route in request.app.routes if hasattr(route, "name")),
    )


def _ended(request: Request, parts: Container, caller: Principal) -> str | None:
    """Why a browser whose sign-in has ended is not signed in; nothing of a cookie that nobody here knows."""
    if caller.role is not None:
        return None
    for secret in session_secrets(request.scope["headers"]):
        try:
            parts.access.registry.holder(secret, parts.access.now)
        except Unauthorized as error:
            if error.reason in _ENDS:
                return str(error)
    return None


async def _form(request: Request) -> dict[str, str]:
    """The fields. Raises _Unreadable."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise _Unreadable(415, f"send the form as {_FORM}; programs need not sign in, they send the token itself")
    body = b""
    async for some in request.stream():
        body += some
        if len(body) > _LARGEST_FORM:
            raise _Unreadable(413, f"the form is larger than {_LARGEST_FORM:,} bytes: paste the token alone")
    try:
        fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _Unreadable(400, f"the form has more than {_MOST_FIELDS} fields: send `token`, and `next`") from None
    if len({name for name, _ in fields}) < len(fields):
        raise _Unreadable(400, "the form has a field twice: send one token")
    return dict(fields)


def _token(form: dict[str, str]) -> bytes:
    """What stands in the field. Raises Unauthorized where that is nothing."""
    token = form.get("token", "").strip()
    if not token:
        raise Unauthorized("missing", "paste a token first")
    return token.encode("utf-8")


def _cookie(request: Request, parts: Container) -> bytes | None:
    access = parts.access
    return session_secret(request.scope["headers"], partial(access.registry.is_sign_in, now=access.now))


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root


def _with_cookie(answer: Response, request: Request, secret: str, seconds: int) -> Response:
    """No script reads the cookie, and no other site's page makes a browser send it with a change. One that was set
    for the whole host goes."""
    secure = request.scope["scheme"] == "https"
    path = _root(request) or "/"
    answer.set_cookie(COOKIE, secret, seconds, path=path, secure=secure, httponly=True, samesite="lax")
    if path != "/":
        answer.set_cookie(COOKIE, "", 0, path="/", secure=secure, httponly=True, samesite="lax")
    return answer
