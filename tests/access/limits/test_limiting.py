"""The middleware that holds who was let in to his limits."""

import asyncio
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from lrtune.service.access.limits import Limiter, ServiceLimits
from lrtune.service.api.metrics import Metrics
from lrtune.service.api.middleware.limiting import Limiting


def test_a_request_of_which_nobody_said_whose_it_is_counts_as_a_strangers() -> None:
    statuses: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask_often() -> None:
        metrics = Metrics()
        limiting = Limiting(app, Limiter(ServiceLimits(stranger_requests_per_second=1)), metrics)
        served = FastAPI()
        served.state.metrics = metrics
        scope: dict[str, Any] = {"type": "http", "app": served, "method": "GET", "path": "/sign-in"}
        scope |= {"query_string": b"", "headers": [], "client": ("192.0.2.7", 1)}
        for _ in range(20):
            await limiting(dict(scope), receive, send)

    asyncio.run(ask_often())
    assert (statuses[0], statuses[-1]) == (204, 429)
