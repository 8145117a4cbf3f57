"""A span of OpenTelemetry for every request. Imported only where traces are sent.

OpenTelemetry's own ASGI middleware records whole addresses, queries included, and knows no route of what is answered
before FastAPI.
"""

from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.request_context import TRACE, ids_of, route_of, shown_path

_PROBES = ("/healthz", "/readyz", "/metrics")


class _Headers(Getter[Scope]):
    """Reads the headers of a scope for OpenTelemetry."""

    def get(self, carrier: Scope, key: str) -> list[str] | None:
        wanted = key.encode()
        return [value.decode("latin-1") for name, value in carrier["headers"] if name == wanted] or None

    def keys(self, carrier: Scope) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier["headers"]]


class Tracing:
    """ASGI middleware. A span is the child of the one that `traceparent` names; probes and scrapes have none.

    Names and attributes are those of https://opentelemetry.io/docs/specs/semconv/http/http-spans/, and `lrtune.study`,
    `lrtune.trial`, `lrtune.token`, `lrtune.request`.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._tracer = provider.get_tracer("lrtune")
        self._propagator = TraceContextTextMapPropagator()
        self._headers = _Headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = self._propagator.extract(scope, getter=self._headers)
        with self._tracer.start_as_current_span(scope["method"], parent, SpanKind.SERVER) as span:
            scope[TRACE] = format_trace_id(span.get_span_context().trace_id)
            try:
                await self._app(scope, receive, noting)
            finally:
                if span.is_recording():
                    span.update_name(f"{scope['method']} {route_of(scope)}")
                    span.set_attributes(_attributes(scope, status))
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)


def _attributes(scope: Scope, status: int) -> dict[str, str | int]:
    client = scope.get("client")
    ids = {f"lrtune.{name}": value for name, value in ids_of(scope).items() if name != "trace"}
    return {
        "http.request.method": scope["method"],
        "http.route": route_of(scope),
        "http.response.status_code": status,
        "url.scheme": scope["scheme"],
        "url.path": shown_path(scope),
        **({"client.address": client[0]} if client else {}),
        **ids,
    }
