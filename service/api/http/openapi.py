"""What the OpenAPI page says beyond what the endpoints say of themselves: how a problem looks, who may come in, and an
example of each body and each answer."""

import re
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute

from lrtune.service.access.doors import DOORS
from lrtune.service.api.http.problems import DOCUMENTED
from lrtune.service.api.http.schemas import (
    SCHEMAS,
    Json,
    name_losses,
    require_discriminators,
    require_unions,
    say_defaults,
    say_widths,
)
from lrtune.service.wire import protocol
from lrtune.service.wire.examples import EXAMPLES
from lrtune.service.wire.trials import Problem

_SCHEME = "token"
_PROTOCOL = "Protocol"
_SPOKEN = {
    "name": protocol.HEADER,
    "in": "header",
    "description": "The version of the protocol that the client was written for. The service answers 426 where it does "
    "not speak that, and tells its own in the same header of every answer; left out: any.",
    "schema": {"type": "integer", "minimum": protocol.OLDEST, "maximum": protocol.VERSION},
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "lrt_…",
    "description": "A token, as `lrtune token create` prints it. A service without tokens needs none.",
}
_NEEDS = {"viewer": "any role", "worker": "role worker or admin", "admin": "role admin"}
_FIRST_WORDS = re.compile(r"(.*?)(?:[:;.](?:\s|$)| \(|$)", re.DOTALL)

TAGS: list[Json] = [
    {"name": "studies", "description": "Searches: create one, look at it, change it."},
    {"name": "trials", "description": "Trainings: ask for one, report, end it; read them."},
    {"name": "learning rates", "description": "What to train with; range tests, scaling, schedules."},
    {"name": "events", "description": "What happens, as it happens, as server-sent events."},
    {"name": "access", "description": "Tokens, who one is, and what was done by whom."},
    {"name": "service", "description": "Whether the service works."},
]


def operation_id(route: APIRoute) -> str:
    """The name of the function that answers: clients are generated with it, so that it stays when a path moves."""
    return route.name


def complete(app: FastAPI) -> None:
    """Put into the page what no endpoint returns or takes by itself."""
    plain = app.openapi

    def completed() -> Json:
        known = app.openapi_schema is not None
        page = plain()  # FastAPI's own, the same each time.
        if not known:
            _complete(page)
        return page

    app.openapi = completed  # type: ignore[method-assign]


def _complete(page: Json) -> None:
    components = page["components"]
    components["schemas"].setdefault("Problem", Problem.model_json_schema())
    components["securitySchemes"] = {_SCHEME: _BEARER}
    require_discriminators(components["schemas"])
    say_defaults(page)
    require_unions(components["schemas"])
    name_losses(components["schemas"])
    say_widths(page)
    components["parameters"] = {_PROTOCOL: _SPOKEN}
    components["responses"] = {_shared(status): page for status, page in DOCUMENTED.items()}
    shown: set[str] = set()
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            _say_who(method.upper(), path, operation)
            operation.setdefault("parameters", []).append({"$ref": f"#/components/parameters/{_PROTOCOL}"})
            _summarize(operation)
            _share_problems(operation["responses"])
            for content in _contents(operation):
                shown |= _show_example(content)
    for response in components["responses"].values():
        for content in response["content"].values():
            shown |= _show_example(content)
    components["examples"] = {name: {"value": EXAMPLES[name]} for name in sorted(shown)}


def _say_who(method: str, path: str, operation: Json) -> None:
    rule = DOORS.get((method, path))
    if rule is not None and rule.role is None:
        operation["security"] = []
        return
    role, everywhere = ("admin", True) if rule is None else (rule.role or "", rule.everywhere)
    operation["security"] = [{_SCHEME: []}]
    operation["x-token"] = _NEEDS[role] + (", for all studies" if everywhere else "")


def _summarize(operation: Json) -> None:
    """The description begins with what can stand alone."""
    found = _FIRST_WORDS.match(operation["description"])
    assert found is not None
    operation["summary"] = " ".join(found[1].split())


def _share_problems(responses: Json) -> None:
    """In the order of their statuses, with a reference to what is the same everywhere."""
    for status in sorted(responses):
        response = responses.pop(status)
        same = response == DOCUMENTED.get(int(status))
        responses[status] = {"$ref": f"#/components/responses/{_shared(status)}"} if same else response


def _shared(status: int | str) -> str:
    return f"Problem{status}"


def _contents(operation: Json) -> Iterator[Json]:
    """What the operation takes and answers, of each type."""
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for response in operation["responses"].values():
        yield from response.get("content", {}).values()


def _show_example(content: Json) -> set[str]:
    """Refer to the example of the model, where there is one; its name."""
    name = content.get("schema", {}).get("$ref", "").removeprefix(SCHEMAS).removesuffix("-Input")
    if name not in EXAMPLES:
        return set()
    content["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}
    return {name}
