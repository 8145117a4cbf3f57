"""A study's export, kept in a file, and imported again under another name: as `lrtune study import` does it."""

import json
from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from starlette.types import ASGIApp

from lrtune.trainers.client.moving.batches import batches
from tests.benchmarks.processes import BenchError
from tests.benchmarks.reads.holds import Answer, call


async def kept_export(app: ASGIApp, study: str, file: IO[bytes]) -> str:
    """Write the export to `file`; return the digest in its last line."""
    await call(app, "GET", f"{study}/export", keep=file)
    (last,) = deque(_from_the_start(file), 1)
    sha256: str = json.loads(last)["sha256"]
    return sha256


async def imported(app: ASGIApp, study: str, file: IO[bytes], sha256: str) -> Answer:
    """Import it as `study`; the answer to the last batch, with the size of the file."""
    answer = Answer(500, 0, b"")
    lines: Iterator[dict[str, Any]] = map(json.loads, _from_the_start(file))
    for batch in batches(lines):
        body = json.dumps({"file": sha256, "first": batch.first, "lines": batch.lines}).encode()
        answer = await call(app, "POST", f"{study}/import", body=body)
        if answer.status != 200:
            return answer
    if not json.loads(answer.begin)["done"]:
        raise BenchError("the last line of an export was sent, and its import is not done")
    return Answer(200, file.tell(), answer.begin)


def _from_the_start(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file
