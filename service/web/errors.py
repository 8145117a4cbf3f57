"""What went wrong, as a page for who asked for one, and as problem JSON for all others."""

import json

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from lrtune.service.api.middleware.browsers import wants_page
from lrtune.service.web.pages import page

_FOR_PROGRAMS = ("/v1/", "/api/", "/openapi.json", "/metrics", "/healthz", "/readyz")
"""Who opens one of these in a browser wants to see what a program gets."""


def is_page(path: str) -> bool:
    """Whether a path is for people rather than for programs."""
    return not path.startswith(_FOR_PROGRAMS)


def error_page(request: Request, problem: JSONResponse) -> Response | None:
    """The page of a problem; None for who asks for none."""
    if not is_page(request.scope["path"]) or not wants_page(request.scope):
        return None
    told = json.loads(bytes(problem.body))
    kept = {name: value for name, value in problem.headers.items() if name.startswith(("retry", "ratelimit", "allow"))}
    return told_page(request, problem.status_code, told["title"], told["detail"], kept)


def told_page(
    request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """A page that says what is wrong and leads back to the studies; where it may pass by itself, to another try."""
    why = detail.replace("`", "")
    return page(request, "error.html", status, headers, heading=title, why=why[:1].upper() + why[1:], code=status)
