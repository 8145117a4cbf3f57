"""What stands before the whole application, its errors included."""

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp

from lrtune.service.api.middleware.access_log import AccessLog
from lrtune.service.api.middleware.headers import SecurityHeaders
from lrtune.service.api.middleware.proxies import Forwarded, WithoutPrefix
from lrtune.service.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def go_before_all(app: FastAPI, settings: Settings, traces: "TracerProvider | None") -> None:
    """Put before the app what every request and every answer passes, those to errors that nobody foresaw as well."""
    plain = app.build_middleware_stack

    def whole() -> ASGIApp:
        stack: ASGIApp = SecurityHeaders(plain())
        if settings.access_log:
            stack = AccessLog(stack, lambda: app.state.container.engine)
        if traces is not None:
            from lrtune.service.api.middleware.tracing import Tracing  # noqa: PLC0415

            stack = Tracing(stack, traces)
        if settings.root_path:
            stack = WithoutPrefix(stack, settings.root_path)
        return Forwarded(stack, settings.proxies) if settings.proxies else stack

    app.build_middleware_stack = whole  # type: ignore[method-assign]
