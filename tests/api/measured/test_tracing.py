"""Traces: a span a request, where they are asked for; nothing at all where they are not."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from lrtune.service import tracing
from lrtune.service.app import create_app
from lrtune.service.listening import CannotServe
from lrtune.service.settings import Settings
from lrtune.service.wire.access.secrets import new_secret
from tests.api.calls import StudyCalls
from tests.support import migrated

trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs OpenTelemetry: pip install 'lrtune[otel]'")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> "in_memory.InMemorySpanExporter":  # type: ignore[name-defined]
    return in_memory.InMemorySpanExporter()


@pytest.fixture
def service(tmp_path: Path, spans: "in_memory.InMemorySpanExporter") -> Iterator[TestClient]:  # type: ignore[name-defined]
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    migrated.make(storage)
    app = create_app(Settings(storage=storage), traces=provider)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_request_is_a_span_named_by_its_route_below_that_of_who_asked(service: TestClient, spans: object) -> None:
    service.post("/v1/studies", json={"name": "digits", "max_steps": 5})
    study = StudyCalls(service, "digits")
    trial = study.lease()
    service.headers |= {"traceparent": PARENT, "x-request-id": "17"}
    study.verdict(trial, (1, 0.5))
    service.get("/v1/studies/digits?limit=5")
    created, asked, reported, read = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert created.parent is None
    assert asked.name == "POST /v1/studies/{study}/trials"
    assert reported.name == "POST /v1/studies/{study}/trials/{number}/reports"
    assert read.name == "GET /v1/studies/{study}"
    assert f"{reported.context.trace_id:032x}-{reported.parent.span_id:016x}" in PARENT
    assert dict(reported.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/studies/{study}/trials/{number}/reports",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/v1/studies/digits/trials/0/reports",
        "client.address": "testclient",
        "lrtune.request": "17",
        "lrtune.study": "digits",
        "lrtune.trial": 0,
    }
    assert "limit" not in str(read.attributes)


def test_probes_and_scrapes_are_no_spans_and_secrets_stay_out(service: TestClient, spans: object) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        service.get(path)
    secret = new_secret()
    service.get(f"/v1/studies/{secret}")
    (span,) = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert secret not in str(span.attributes) + span.name


def test_a_request_that_fails_is_a_span_that_failed(service: TestClient, spans: object) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError

    service.app.state.container.look.told = fail  # type: ignore[attr-defined]
    service.get("/v1/studies/none")
    service.app.state.container.studies.get = fail  # type: ignore[attr-defined]
    assert service.get("/v1/studies/none").status_code == 500
    missing, failed = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert missing.status.status_code.name == "UNSET"
    assert failed.status.status_code.name == "ERROR"
    assert failed.attributes["http.response.status_code"] == 500


def test_without_the_extra_a_service_that_is_to_send_traces_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(CannotServe, match=r"pip install 'lrtune\[otel\]'") as refused:
        tracing.open_tracing("http://127.0.0.1:4318", "1")
    assert refused.value.exit_code == 2


def test_a_service_without_traces_imports_nothing_that_makes_or_sends_them(tmp_path: Path) -> None:
    code = (
        "import sys; from lrtune.service import server; from lrtune.service.app import create_app; "
        f"from lrtune.service.settings import Settings; create_app(Settings(storage='sqlite:///{tmp_path}/x.db'));"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("wrong", ["collector:4318", "ftp://collector", "http://", "http://me:secret@collector"])
def test_what_is_no_address_of_a_collector_is_refused_with_a_remedy(wrong: str) -> None:
    with pytest.raises(ValidationError, match="http://collector:4318"):
        Settings.model_validate({"otlp_endpoint": wrong})


def test_an_empty_address_is_none() -> None:
    assert Settings.model_validate({"otlp_endpoint": ""}).otlp_endpoint is None


def test_spans_arrive_at_a_collector_and_one_that_is_away_does_not_hold_the_end_up() -> None:
    came: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    serving = threading.Thread(target=collector.serve_forever)
    serving.start()
    try:
        provider = tracing.open_tracing(f"http://127.0.0.1:{collector.server_port}/", "1.2.3")
        provider.get_tracer("t").start_span("a span").end()
        tracing.close_tracing(provider)
    finally:
        collector.shutdown()
        serving.join(10)
        collector.server_close()
    ((path, _),) = came
    assert path == "/v1/traces"
    assert provider.resource.attributes["service.name"] == "lrtune"

    away = tracing.open_tracing(f"http://127.0.0.1:{collector.server_port}", "1")
    away.get_tracer("t").start_span("a span").end()
    tracing.close_tracing(away)  # Limited by pytest's own time otherwise.
