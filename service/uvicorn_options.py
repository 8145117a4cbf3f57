"""How uvicorn is run, for the service and for the bare endpoint that benchmarks compare it with."""

from functools import partial
from typing import Any

from lrtune.service.connections.protocol import BoundedProtocol
from lrtune.service.connections.registry import Connections


def uvicorn_options(connections: Connections) -> dict[str, Any]:
    """Arguments of `uvicorn.Config`. uvloop where it is installed; connections wait 2,048 deep to be accepted."""
    return {
        "loop": "auto",
        "http": partial(BoundedProtocol, registry=connections),
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "backlog": 2048,
    }
