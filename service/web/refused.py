"""The page for a browser that is signed in, by a token that is not for what it asked for."""

from fastapi import Request, Response
from starlette.types import Scope

from lrtune.service.access.errors import NotAllowed
from lrtune.service.api.middleware.browsers import asked_for, wants_page
from lrtune.service.web.pages import page
from lrtune.service.web.paths import way_back


def refused_page(scope: Scope, refused: NotAllowed) -> Response | None:
    """What is wrong, and the form for another token; None for who asks for no page, or shows a token himself."""
    if not wants_page(scope):
        return None
    back = way_back(asked_for(scope))
    return page(Request(scope), "refused.html", 403, back=back, why=str(refused).replace("`", ""))
