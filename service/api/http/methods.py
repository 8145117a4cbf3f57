"""Which methods a path takes, for the `Allow` of a 405."""

from starlette.routing import Match
from starlette.types import Scope

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""Those that any path takes."""


def allowed_methods(scope: Scope) -> list[str]:
    """The methods that the path of a request takes, over all routes: each knows of its own alone."""
    routes = scope["app"].router.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
