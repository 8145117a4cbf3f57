"""What is particular to browsers: they show a cookie by themselves, and are sent to a page where others get a 401.

A page of another site, or of another port of this machine, can make a browser send requests with the cookie. It cannot
make it send an `Origin` that is not its own, and who changes something by cookie has to show one:
`lrtune.service.api.middleware.hosts` refuses a foreign one.
"""

from collections.abc import Callable, Iterable
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from lrtune.service.access.errors import NotAllowed, Unauthorized
from lrtune.service.access.principal import Principal

COOKIE = "lrtune_session"
SIGN_IN = "/sign-in"

_NAME = COOKIE.encode()
_MOST_SESSIONS = 4
_READING = ("GET", "HEAD")
_ACCEPT, _AUTHORIZATION, _COOKIES, _ORIGIN = b"accept", b"authorization", b"cookie", b"origin"


def session_secrets(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The secrets in the cookies of sign-ins, the first four: services on other ports and paths of a host set some of
    the same name."""
    found = [
        value.strip(b' \t"')
        for name, cookies in headers
        if name == _COOKIES and _NAME in cookies
        for key, _, value in (cookie.partition(b"=") for cookie in cookies.split(b";"))
        if key.strip() == _NAME
    ]
    return found[:_MOST_SESSIONS]


def session_secret(headers: Iterable[tuple[bytes, bytes]], holds: Callable[[bytes], bool]) -> bytes | None:
    """The first of them that holds; where none does, the first; None where there is none."""
    found = session_secrets(headers)
    if len(found) < 2:
        return found[0] if found else None
    return next((secret for secret in found if holds(secret)), found[0])


def check_origin(principal: Principal, scope: Scope) -> None:
    """Raises NotAllowed where a request that changes something came with nothing but the cookie."""
    if principal.by_cookie and scope["method"] not in _READING:
        require_origin(scope)


def require_origin(scope: Scope) -> None:
    """Raises NotAllowed where a request does not tell which page it comes from."""
    if not any(name == _ORIGIN for name, _ in scope["headers"]):
        raise NotAllowed(
            "who is signed in by cookie changes things from this service's own pages alone, and the request names no "
            "page (Origin header): programs send a token, as `Authorization: Bearer lrt_…`"
        )


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page to look at, with no token but perhaps its cookie."""
    headers = scope["headers"]
    if scope["method"] != "GET" or any(name == _AUTHORIZATION for name, _ in headers):
        return False
    return any(name == _ACCEPT and b"text/html" in value for name, value in headers)


def asked_for(scope: Scope) -> str:
    """Path and query of a request, as the browser has them."""
    path: str = scope.get("root_path", "") + quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def to_sign_in(scope: Scope, refused: Unauthorized) -> Response | None:
    """For a browser that asks for a page and shows nothing that holds: the way to the form, and from there back."""
    if refused.reason == "malformed" or not wants_page(scope):
        return None
    back = quote(asked_for(scope), safe="/")
    return RedirectResponse(f"{scope.get('root_path', '')}{SIGN_IN}?next={back}", 303)
