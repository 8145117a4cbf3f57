"""The honest worker, a process of its own: reports a step, waits for the verdict, and the next a moment later."""

import asyncio
import time

from tests.benchmarks.storage.http_client import UnexpectedReply, connect
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.requests import Study, Trial

_PAUSE_SECONDS = 0.002
_FEWEST = 5
"""Verdicts that a percentile is made of, at the least; a busy machine is given longer for them."""
_LONGEST_SECONDS = 60.0


class Worker:
    """`begin` leases a trial, `report` reports for so many seconds."""

    def __init__(self) -> None:
        self._address = ""
        self._requests = Study("")
        self._trial: Trial = (0, "")
        self._step = 0

    def begin(self, address: str, study: str, token: str) -> None:
        """Lease a trial."""
        self._address, self._requests = address, Study(study, token)

        async def ask() -> Trial:
            (connection,) = await connect(address, 1)
            try:
                return await self._requests.ask(connection)
            finally:
                connection.close()

        self._trial = asyncio.run(ask())

    def report(self, seconds: float) -> list[float]:
        """Seconds from each report to its verdict: in `seconds`, and until there are a few."""

        async def work() -> list[float]:
            (connection,) = await connect(self._address, 1)
            waits = []
            began = time.perf_counter()
            until, longest = began + seconds, began + _LONGEST_SECONDS
            while (began := time.perf_counter()) < until or (len(waits) < _FEWEST and began < longest):
                self._step += 1
                await connection.call(self._requests.report(self._trial, self._step), 200)
                waits.append(time.perf_counter() - began)
                await asyncio.sleep(_PAUSE_SECONDS)
            connection.close()
            return waits

        try:
            return asyncio.run(work())
        except UnexpectedReply as refused:
            raise RuntimeError(f"the honest worker was refused: {refused}") from None


if __name__ == "__main__":
    worker = Worker()
    answer_lines({"begin": worker.begin, "report": worker.report})
