"""Strangers, a process of their own: each connection sends a wrong token as soon as the one before is answered."""

import asyncio
import contextlib
import secrets
from collections import Counter

from tests.benchmarks.storage.http_client import connect, post_bytes
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.requests import report_body

_AGAIN_SECONDS = 0.01


def flood(address: str, study: str, connections: int, sources: list[str], seconds: float) -> dict[str, int]:
    """How often each status was answered, to so many connections from each of the addresses; 0 where the connection was
    closed before the answer."""
    statuses: Counter[str] = Counter()
    path = f"/v1/studies/{study}/trials/0/reports"
    body = report_body("x" * 22, 1)

    async def stranger(source: str) -> None:
        while True:
            with contextlib.suppress(OSError):
                (connection,) = await connect(address, 1, source=source)
                status = 1
                while status:
                    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                    wrong = f"lrt_{secrets.token_urlsafe(32)}"
                    connection.send(post_bytes(path, body, wrong), lambda got, _, to=answered: _answer(to, got))
                    status = await answered
                    statuses[str(status)] += 1
                    if status == 429:
                        connection.close()
                        break
            await asyncio.sleep(_AGAIN_SECONDS)

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(stranger(source)) for source in sources for _ in range(connections)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(all_of_them())
    return dict(statuses)


def _answer(future: "asyncio.Future[int]", status: int) -> None:
    if not future.done():
        future.set_result(status)


if __name__ == "__main__":
    answer_lines({"flood": flood})
