"""How long any page, part, picture or event holds the event loop of a service with a long study."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator

from starlette.types import ASGIApp

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.web.pictures.routes import PICTURES
from lrtune.service.web.study.parts import names
from tests.benchmarks.pages.served import LARGE, SMALL, Size, filled
from tests.benchmarks.processes import BenchError
from tests.benchmarks.reads.holds import call, leased_heartbeat, watching
from tests.benchmarks.reads.run import as_served
from tests.benchmarks.storage.figures import Check, Figure, Side

MOST_MS = 20.0
_QUERIES = {"trial": "number=0", "life": "number=0", "parameter": "parameter=learning_rate", "range-test": "number=0"}


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """Milliseconds for which the loop was held at the longest, by all that a page of the long study asks for."""
    with filled(kind, size, say) as url:
        found = asyncio.run(_holds(url, max(1, size.rounds // 2), say))
    sides = tuple(Side(path, (held,)) for path, held in found)
    worst = max(sides, key=lambda side: side.median)
    check = Check(worst, None, MOST_MS, False, size.judged)
    yield Figure("holds", "longest hold of the loop", kind, size.large, "ms", sides, (check,))


async def _holds(url: str, rounds: int, say: Callable[[str], None]) -> list[tuple[str, float]]:
    app = create_app(Settings(storage=url))
    found: dict[str, float] = {}
    async with app.router.lifespan_context(app), as_served():
        heartbeat = await leased_heartbeat(app, SMALL)
        lock = app.state.container.engine.lock
        await call(app, "GET", f"/v1/studies/{LARGE}/status")  # Loads the study, which `bench reads` looks at.
        for _ in range(rounds):
            await _report(app)  # So that nothing is answered from what was kept.
            for path, query in _asked():
                async with watching(lock, heartbeat) as holds:
                    answer = await call(app, "GET", path, query)
                if answer.status not in (200, 404):
                    raise BenchError(f"{path} was answered {answer.status}")
                found[path] = max(found.get(path, 0.0), 1000 * holds.loop)
        for path, held in found.items():
            say(f"{path}: {held:.1f} ms")
    return list(found.items())


def _asked() -> Iterator[tuple[str, str]]:
    page = f"/studies/{LARGE}"
    yield "/", ""
    yield page, ""
    yield f"{page}/trials/0", ""
    for part in names():
        yield f"{page}/parts/{part}", ""
    for picture in PICTURES:
        yield f"{page}/pictures/{picture}", _QUERIES.get(picture, "")


async def _report(app: ASGIApp) -> None:
    """A whole short training of the long study."""
    ask = json.dumps({"worker": "bench", "request_id": str(uuid.uuid4())}).encode()
    study = f"/v1/studies/{LARGE}/trials"
    leased = json.loads((await call(app, "POST", study, body=ask)).begin)
    body = json.dumps({"lease": leased["lease"], "state": "complete", "value": 0.5}).encode()
    await call(app, "POST", f"{study}/{leased['number']}/result", body=body)
