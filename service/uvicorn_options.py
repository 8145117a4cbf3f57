"""How uvicorn is run, for the service and for the bare endpoint that benchmarks compare it with."""

from typing import Any

UVICORN_OPTIONS: dict[str, Any] = {
    "loop": "auto",
    "http": "httptools",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "backlog": 2048,
}
"""Arguments of `uvicorn.Config`. uvloop where it is installed; connections wait 2,048 deep to be accepted."""
