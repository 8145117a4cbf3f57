"""How a page is made of its template."""

import secrets
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from lrtune.service.access.principal import STRANGER
from lrtune.service.api.http.names import PRINCIPAL
from lrtune.service.web.assets import PLOTLY

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What pages may load and run: files of this service alone, and nothing that stands in the page itself. The
style elements that plotly makes carry the nonce (`assets/files/pictures/plotly-styles.js`)."""

FRAGMENT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
"""Of a part of a page, which is nothing by itself."""

TEMPLATES = Jinja2Templates(directory=Path(__file__).parent / "templates")


def read_templates() -> None:
    """Read all templates, a third of a second of work, so that nobody waits for it later."""
    for name in TEMPLATES.env.list_templates():
        TEMPLATES.get_template(name)


def page(
    request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None, **told: Any
) -> Response:
    """The page that a template makes of what it is told. It finds the service's path under `root`, who asks under
    `caller`, and where plotly lies under `plotly`."""
    nonce = told["nonce"] = secrets.token_urlsafe(16)
    told["root"] = request.scope.get("root_path", "")
    told["plotly"] = PLOTLY
    told.setdefault("caller", request.scope.get(PRINCIPAL, STRANGER))
    own = {"Content-Security-Policy": _POLICY.format(nonce=nonce), "Cache-Control": "no-cache"}
    return TEMPLATES.TemplateResponse(request, template, told, status, own | (headers or {}))


def fragment(template: str, **told: Any) -> bytes:
    """A part of a page."""
    return TEMPLATES.get_template(template).render(told).encode()
