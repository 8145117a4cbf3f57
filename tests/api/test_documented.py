"""What users may meet is written down: error types, metrics, settings."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from pydantic import ValidationError
from starlette.testclient import TestClient

from lrtune.service.api.http import bodies, problems
from lrtune.service.api.metrics import Metrics
from lrtune.service.settings import Settings
from lrtune.service.storage import errors as storage_errors
from lrtune.service.storage.commit.deeds import EVENTS
from lrtune.service.tuning import errors as tuning_errors
from lrtune.service.tuning.trials import turns
from lrtune.service.wire import base, range_tests, search_space
from lrtune.service.wire.schedules import catalogue
from lrtune.trainers.client.http.connection import READ_TIMEOUT_SECONDS

SERVICE = Path(problems.__file__).parents[2]
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
INSIDE = {"TuningError", "StorageError", "StudyNameTaken", "StudyMissing"}
"""The bases, and what `lrtune.service.tuning` turns into errors of its own."""

ERRORS = [
    kind
    for module in (tuning_errors, storage_errors)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == module.__name__ and kind.__name__ not in INSIDE
]
METRICS: list[Metric] = list(Metrics().registry.collect())


def _rows(page: str) -> dict[str, list[str]]:
    """The cells of each row of the page's table, by the name in the first."""
    lines = (REFERENCE / page).read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_type_is_a_problem_that_the_openapi_page_names(client: TestClient, kind: type[Exception]) -> None:
    status, name, title = problems.PROBLEMS[kind]
    assert title
    page = client.get("/openapi.json").json()
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            response = operation["responses"][str(status)]
            shared = page["components"]["responses"].get(response.get("$ref", "").rpartition("/")[2])
            described = (shared or response)["description"]
            if path == "/readyz" and status == 503:
                continue
            assert name in re.split(r"[,\s]+", described), (path, method)


def test_the_openapi_page_says_of_every_endpoint_whether_it_wants_a_token(client: TestClient) -> None:
    page = client.get("/openapi.json").json()
    scheme = page["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    wants = {
        (method.upper(), path): operation["security"] == [{"token": []}]
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    }
    open_to_all = {door for door, asks in wants.items() if not asks}
    assert open_to_all == {("GET", "/healthz"), ("GET", "/readyz")}
    assert page["paths"]["/v1/studies/{study}/trials"]["post"]["x-token"] == "role worker or admin"
    assert page["paths"]["/v1/tokens"]["get"]["x-token"] == "role admin, for all studies"


@pytest.mark.parametrize("name", sorted(INSIDE))
def test_an_error_that_is_left_out_above_is_one_that_never_leaves_the_service(name: str) -> None:
    assert name in {kind.__name__ for kind in vars(storage_errors).values() if inspect.isclass(kind)} | {"TuningError"}
    assert name not in {kind.__name__ for kind in problems.PROBLEMS}


def test_the_docstrings_of_the_error_modules_draw_every_type() -> None:
    for module in (tuning_errors, storage_errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            assert kind.__name__ in (module.__doc__ or "")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_kind_and_labels(metric: Metric) -> None:
    name = metric.name + ("_total" if metric.type == "counter" else "")
    row = _rows("metrics.md")[name]
    assert row[1] == metric.type
    assert row[3]
    if not metric.name.startswith("process_"):  # Those of the client library have no labels.
        (labels,) = [c._labelnames for c in _collectors(Metrics()) if getattr(c, "_name", None) == metric.name]
        assert re.findall(r"`(\w+)`", row[2]) == list(labels)


def _collectors(metrics: Metrics) -> Iterator[Any]:
    for one in vars(metrics).values():
        yield one
        if type(one).__module__.startswith("lrtune."):
            yield from vars(one).values()


def test_no_metric_is_documented_that_is_not_there() -> None:
    known = {metric.name + ("_total" if metric.type == "counter" else "") for metric in METRICS}
    assert _rows("metrics.md").keys() == known


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_variable_and_default(name: str) -> None:
    row = _rows("settings.md")[name]
    assert row[1] == f"`LRTUNE_{name.upper()}`"
    assert row[2] == f"`{Settings.model_fields[name].default}`"
    assert row[3]


def test_an_ask_is_answered_before_a_client_gives_up() -> None:
    most = float(Settings.model_json_schema()["properties"]["sampler_timeout_seconds"]["maximum"])
    assert turns.TIMEOUT_SECONDS + 2 * most < READ_TIMEOUT_SECONDS - 1
    with pytest.raises(ValidationError):
        Settings(sampler_timeout_seconds=most + 0.1)


def test_no_setting_is_documented_that_is_not_there() -> None:
    assert _rows("settings.md").keys() == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("status", "described"), [(status, page["description"]) for status, page in problems.DOCUMENTED.items()]
)
def test_every_refusal_of_a_request_itself_is_documented(status: int, described: str) -> None:
    page = (REFERENCE / "requests.md").read_text()
    for name in described.split(", "):
        assert re.search(rf"^\| {status} \|.*`{name}`", page, re.MULTILINE), name


def test_every_problem_that_the_service_answers_is_documented() -> None:
    found = {
        (int(status), name)
        for path in SERVICE.rglob("*.py")
        for status, name in re.findall(r'\b([45]\d\d),\s*"([a-z]+(?:-[a-z]+)+)",\s*"', path.read_text())
    }
    assert {(404, "study-not-found"), (413, "body-too-large"), (400, "bad-request"), (500, "internal-error")} <= found
    described = {status: str(page["description"]).split(", ") for status, page in problems.DOCUMENTED.items()}
    assert [(status, name) for status, name in sorted(found) if name not in described.get(status, [])] == []


def test_every_action_of_the_audit_is_documented_and_no_other() -> None:
    kinds = r'"((?:study|trial|range_test|token|session)\.(?!html")[a-z]+)"'
    known = {action for path in SERVICE.rglob("*.py") for action in re.findall(kinds, path.read_text())}
    assert EVENTS.keys() <= known
    assert {name for name in _rows("audit.md") if "." in name} == known


@pytest.mark.parametrize(
    "limit",
    [
        *(search_space.MOST_PARAMETERS, search_space.MOST_CHOICES, search_space.MOST_CHOICES_IN_ALL),
        *(search_space.MOST_WHEN_VALUES, search_space.MOST_WHEN_VALUES_IN_ALL, base.LONGEST_CHOICE),
        *(bodies.MOST_MEMBERS, bodies.MOST_PARTS, range_tests.MOST_POINTS, catalogue.MAX_PREVIEW_STEPS),
    ],
)
def test_every_limit_of_a_body_is_documented(limit: int) -> None:
    assert re.search(rf"\b{limit:,}\b", (REFERENCE / "requests.md").read_text())
