"""Sending traces to a collector of OpenTelemetry, where a setting says so and the extra `lrtune[otel]` is there."""

import os
import socket
import threading
from typing import TYPE_CHECKING

from lrtune.service.listening import CannotServe

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_END_SECONDS = 3.0
"""How long what is not sent yet may keep the process from ending."""
_SEND_SECONDS = 5.0


def open_tracing(endpoint: str, version: str) -> "TracerProvider":
    """Send spans to `endpoint`, http://collector:4318 say, in a thread, until `close_tracing`.

    OpenTelemetry's own variables hold, too: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_EXPORTER_OTLP_HEADERS. Raises CannotServe where OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise CannotServe(
            "LRTUNE_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install 'lrtune[otel]', or unset it",
            2,
        ) from None
    named = {"service.version": version, "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
    if "OTEL_SERVICE_NAME" not in os.environ:
        named["service.name"] = "lrtune"
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def close_tracing(provider: "TracerProvider") -> None:
    """Send what is left, for a few seconds at most: a collector that does not answer would hold the end up longer."""
    ending = threading.Thread(target=provider.shutdown, name="lrtune-traces-end", daemon=True)
    ending.start()
    ending.join(_END_SECONDS)
