"""A service that wants tokens, and a study to work at."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.benchmarks.faults.databases import database
from tests.benchmarks.faults.services import Service
from tests.benchmarks.processes import BenchError, JsonLinesProcess

STUDY = "honest"
_SPEC = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "prior": "none", "lease_ttl_seconds": 3600}


@dataclass(frozen=True)
class Guarded:
    """`token` is a worker's; `worker` and `strangers` are processes of their own."""

    service: Service
    token: str
    worker: JsonLinesProcess
    strangers: JsonLinesProcess


@contextlib.contextmanager
def guarded(kind: str) -> Iterator[Guarded]:
    """One on a database of its own, of that kind. Nothing is left when the block has ended. Raises BenchError."""
    with database(kind) as (db, folder), contextlib.ExitStack() as stack:
        service = stack.enter_context(Service(db.url, folder / "service.log"))
        http = stack.enter_context(httpx2.Client(base_url=service.address, timeout=30.0, trust_env=False))
        admin = _posted(http, "/v1/tokens", {"role": "admin"})["secret"]
        http.headers["Authorization"] = f"Bearer {admin}"
        _posted(http, "/v1/studies", {"name": STUDY, **_SPEC})
        token = _posted(http, "/v1/tokens", {"role": "worker", "scopes": [STUDY]})["secret"]
        worker, strangers = (
            stack.enter_context(JsonLinesProcess(f"tests.benchmarks.access.{name}", log=folder / f"{name}.log"))
            for name in ("worker", "strangers")
        )
        worker.call(task="begin", address=service.address, study=STUDY, token=token)
        yield Guarded(service, token, worker, strangers)


def _posted(http: httpx2.Client, path: str, body: dict[str, Any]) -> Any:
    answer = http.post(path, json=body)
    if answer.status_code != 201:
        raise BenchError(f"POST {path} was answered {answer.status_code}: {answer.text[:200]}")
    return answer.json()
