"""Who sends wrong tokens waits, and nobody else."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from lrtune.service.access.limits.refusals import TooManyRequests
from lrtune.service.access.limits.wrong import APART_SECONDS, FEW, LONGEST_SECONDS, WrongTokens, _Sender

HERE, THERE = "192.0.2.7", "192.0.2.8"


async def seconds(waiting: Awaitable[None]) -> float:
    began = time.monotonic()
    await waiting
    return time.monotonic() - began


async def spoil(wrong: WrongTokens, sender: str, delayed: int = 0) -> None:
    """Send so many wrong tokens that the next waits; `delayed` more, which are not waited for."""
    for _ in range(FEW):
        await wrong.wait(sender, "unknown")
    for _ in range(delayed):
        wrong._sender(sender).delay_seconds(wrong._clock())


def run(scene: Callable[[WrongTokens], Awaitable[None]], most_waiting: int = 100) -> None:
    async def play() -> None:
        wrong = WrongTokens(most_waiting)
        try:
            await scene(wrong)
        finally:
            wrong.close()

    asyncio.run(play())


def test_waits_grow_up_to_a_second_and_are_forgiven() -> None:
    sender = _Sender()
    waits = [sender.delay_seconds(100.0) for _ in range(FEW + 8)]
    assert waits == [0.0] * FEW + [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert max(waits) == LONGEST_SECONDS
    assert sender.delay_seconds(101.0) == 0.0
    assert sender.delay_seconds(101.0) == 0.05


def test_the_first_few_are_answered_at_once_and_others_wait() -> None:
    async def scene(wrong: WrongTokens) -> None:
        at_once = [await seconds(wrong.wait(HERE, "unknown")) for _ in range(FEW)]
        assert min(at_once) < 0.04
        assert await seconds(wrong.wait(HERE, "unknown")) >= 0.045
        assert min([await seconds(wrong.wait(THERE, "unknown")) for _ in range(FEW)]) < 0.04
        assert wrong.waiting == 0

    run(scene)


def test_where_too_many_of_a_sender_wait_the_next_is_refused_and_another_sender_is_not() -> None:
    async def scene(wrong: WrongTokens) -> None:
        await spoil(wrong, HERE, delayed=10)
        waiting = [asyncio.create_task(wrong.wait(HERE, "unknown")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="check the token") as told:
            await wrong.wait(HERE, "unknown")
        assert told.value.headers == {"Retry-After": "1", "Connection": "close"}
        await wrong.wait(THERE, "unknown")
        wrong.close()
        await asyncio.gather(*waiting)

    run(scene, most_waiting=4)


def test_all_senders_together_hold_no_more_than_a_process_grants() -> None:
    async def scene(wrong: WrongTokens) -> None:
        for sender in (HERE, THERE, "192.0.2.9"):
            await spoil(wrong, sender, delayed=10)
        waiting = [asyncio.create_task(wrong.wait(sender, "unknown")) for sender in (HERE, THERE)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await wrong.wait("192.0.2.9", "unknown")
        wrong.close()
        await asyncio.gather(*waiting)

    run(scene, most_waiting=2)


def test_answers_that_were_waited_for_go_out_one_by_one() -> None:
    async def scene(wrong: WrongTokens) -> None:
        slots = [wrong._slot(now) for now in (5.0, 5.0, 5.0, 6.0)]
        assert slots == pytest.approx([5.0, 5.0 + APART_SECONDS, 5.0 + 2 * APART_SECONDS, 6.0])
        assert wrong._slot(1.0) == 1.0

    run(scene)


def test_who_goes_away_does_not_wait_any_longer() -> None:
    async def scene(wrong: WrongTokens) -> None:
        await spoil(wrong, HERE, delayed=10)

        async def gone() -> None:
            await asyncio.sleep(0.01)

        assert await seconds(wrong.wait(HERE, "unknown", gone)) < 0.5
        assert wrong.waiting == 0

    run(scene)


def test_who_stays_is_not_watched_for_ever() -> None:
    async def scene(wrong: WrongTokens) -> None:
        await spoil(wrong, HERE)
        await wrong.wait(HERE, "unknown", asyncio.Event().wait)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    run(scene)


def test_a_shutdown_lets_all_go_and_nobody_wait_any_more() -> None:
    async def scene(wrong: WrongTokens) -> None:
        await spoil(wrong, HERE, delayed=10)
        waiting = [asyncio.create_task(wrong.wait(HERE, "unknown")) for _ in range(5)]
        await asyncio.sleep(0)
        wrong.close()
        assert await seconds(asyncio.wait_for(asyncio.gather(*waiting), 0.5)) < 0.5  # type: ignore[arg-type]
        assert await seconds(wrong.wait(HERE, "unknown")) < 0.5

    run(scene)


def test_a_million_senders_are_not_remembered() -> None:
    async def scene() -> None:
        wrong = WrongTokens(10, most_senders=50)
        for number in range(2000):
            await wrong.wait(f"10.0.{number // 256}.{number % 256}", "unknown")
        assert len(wrong) == 50
        wrong.close()

    asyncio.run(scene())


def test_a_thousand_wrong_tokens_are_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(wrong: WrongTokens) -> None:
        for number in range(1000):
            await wrong.wait(f"10.0.0.{number % 250}", "unknown")
            if number == 500:
                await asyncio.sleep(0.01)
        assert len(caplog.records) == 1

    with caplog.at_level(logging.INFO):
        run(scene)
    assert [record.unknown for record in caplog.records] == [501, 499]  # type: ignore[attr-defined]
