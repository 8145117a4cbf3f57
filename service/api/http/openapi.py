"""What the OpenAPI page says beyond what the endpoints say of themselves: how a problem looks, and who may come in."""

from typing import Any

from fastapi import FastAPI

from lrtune.service.access.doors import DOORS
from lrtune.service.wire.trials import Problem

_SCHEME = "token"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "lrt_…",
    "description": "A token, as `lrtune token create` prints it. A service without tokens needs none.",
}
_NEEDS = {"viewer": "any role", "worker": "role worker or admin", "admin": "role admin"}


def complete(app: FastAPI) -> None:
    """Put into the page what no endpoint returns or takes by itself."""
    plain = app.openapi

    def completed() -> dict[str, Any]:
        page = plain()
        components = page["components"]
        components["schemas"].setdefault("Problem", Problem.model_json_schema())
        components["securitySchemes"] = {_SCHEME: _BEARER}
        for path, methods in page["paths"].items():
            for method, operation in methods.items():
                _say_who(method.upper(), path, operation)
        return page

    app.openapi = completed  # type: ignore[method-assign]


def _say_who(method: str, path: str, operation: dict[str, Any]) -> None:
    rule = DOORS.get((method, path))
    if rule is not None and rule.role is None:
        operation["security"] = []
        return
    role, everywhere = ("admin", True) if rule is None else (rule.role or "", rule.everywhere)
    operation["security"] = [{_SCHEME: []}]
    operation["x-token"] = _NEEDS[role] + (", for all studies" if everywhere else "")
