"""optuna-dashboard over the engine, under /optuna/.

Its pages ask for absolute paths (/dashboard, /api, /static, /csv), so those lead to it as well; none of ours begins
like them.
"""

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from optuna_dashboard import wsgi
from starlette.routing import Route

from service.storage import OptunaStorage

_PREFIXES = ("dashboard", "api", "static", "csv")


def mount(app: FastAPI, storage: OptunaStorage) -> None:
    """Serve optuna-dashboard over `storage`."""
    served = WSGIMiddleware(wsgi(storage), workers=4)
    for prefix in _PREFIXES:
        for path in (f"/{prefix}", f"/{prefix}/{{rest:path}}"):
            app.router.routes.append(Route(path, served, name=f"optuna-{prefix}"))

    @app.get("/optuna", include_in_schema=False)
    @app.get("/optuna/", include_in_schema=False)
    async def to_dashboard() -> RedirectResponse:
        return RedirectResponse("/dashboard", 307)
