"""Asks of one study take turns, and a service that ends lets none of them wait."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from lrtune.service.tuning.trials.turns import Turns


async def _waits(turns: Turns) -> None:
    async with turns.turn(1):
        pass


def test_who_waits_for_a_turn_is_told_at_once_when_the_service_ends() -> None:
    async def close_beside(expiring: bool) -> list[BaseException | None]:
        turns = Turns()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(turns.turn(1))
            waiting = [asyncio.create_task(_waits(turns)) for _ in range(2)]
            await asyncio.sleep(0)
            if expiring:  # One whose own time is up in this very moment is told already.
                next(iter(turns._limits)).reschedule(asyncio.get_running_loop().time())
                await asyncio.sleep(0)
            turns.close()
            async with asyncio.timeout(5):
                return await asyncio.gather(*waiting, return_exceptions=True)

    for expiring in (False, True):
        assert [type(error) for error in asyncio.run(close_beside(expiring))] == [TimeoutError] * 2


def test_once_turns_are_closed_nobody_begins_to_wait() -> None:
    async def ask_late() -> None:
        turns = Turns()
        async with turns.turn(1):
            turns.close()
            async with asyncio.timeout(5):
                await _waits(turns)

    with pytest.raises(TimeoutError):
        asyncio.run(ask_late())
