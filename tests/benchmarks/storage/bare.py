"""The bare endpoint: FastAPI reads the body of a report, checks it, and answers a verdict. Nothing else."""

import socket
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI

from lrtune.service.connections.registry import Connections
from lrtune.service.uvicorn_options import uvicorn_options
from lrtune.service.wire.trials import Reports, Verdict
from lrtune.trainers.worker.parent_watch import end_with_owner

app = FastAPI()


@app.post("/reports")
async def report(body: Annotated[Reports, Body()]) -> Verdict:
    """What every report costs in this framework, whatever is done with it."""
    return Verdict(verdict="continue", lease_ttl_seconds=60.0 if body.reports else 0.0)


def serve() -> None:
    """Serve on a free loopback port until SIGTERM, as the service is served."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    print(f"bare endpoint serving on http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, **uvicorn_options(Connections()))).run(sockets=[bound])


if __name__ == "__main__":
    end_with_owner()
    serve()
