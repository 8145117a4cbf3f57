"""Limits of tokens and of addresses, by a clock of one's own."""

import asyncio
import timeit
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from lrtune.service.access.limits import (
    BodyTooLarge,
    Limiter,
    Refused,
    ServiceLimits,
    TooManyRequests,
    TooManyStudies,
)
from lrtune.service.access.limits.limiter import _FORGET_SECONDS, _SWEEP_AT
from lrtune.service.access.principal import Principal
from lrtune.service.wire.access.bodies import Limits
from tests.support.clock import Clock

HERE = "192.0.2.7"


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def holder(token_id: str = "t", **limits: float) -> Principal:
    return Principal.of("worker", ["*"], token_id=token_id, limits=Limits.model_validate(limits))


def test_who_has_taken_as_much_as_is_allowed_is_told_what_how_much_by_whom_and_how_long(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    worker = holder(requests_per_second=2)
    for _ in range(10):
        gate.enter(worker, HERE)
    with pytest.raises(TooManyRequests, match=r"2 requests a second .*the token itself.*try again in 1 s") as told:
        gate.enter(worker, HERE)
    assert told.value.more == {
        "limit": "requests_per_second",
        "allowed": 2,
        "set_by": "token",
        "retry_after_seconds": 1,
    }
    assert told.value.headers == {"Retry-After": "1"}
    clock.advance(1)
    gate.enter(worker, HERE)


def test_a_limit_of_the_service_holds_where_the_token_has_none_and_is_named_by_its_variable(clock: Clock) -> None:
    gate = Limiter(ServiceLimits(by_token=Limits(requests_per_second=1, asks_per_second=1)), clock=clock)
    own = holder(requests_per_second=100)
    for _ in range(5):
        gate.enter(own, HERE, "ask")
    with pytest.raises(TooManyRequests, match="LRTUNE_LIMIT_ASKS_PER_SECOND, where the service is started"):
        gate.enter(own, HERE, "ask")
    gate.enter(own, HERE)


def test_a_request_that_is_refused_does_not_count(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    worker = holder(requests_per_second=1, asks_per_second=0.2)
    gate.enter(worker, HERE, "ask")
    for _ in range(50):
        with pytest.raises(TooManyRequests):
            gate.enter(worker, HERE, "ask")
    for _ in range(4):
        gate.enter(worker, HERE)


def test_the_wait_that_is_told_is_long_enough(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    worker = holder(asks_per_second=0.1)
    gate.enter(worker, HERE, "ask")
    clock.advance(3.5)
    with pytest.raises(TooManyRequests) as told:
        gate.enter(worker, HERE, "ask")
    assert told.value.headers["Retry-After"] == "7"
    clock.advance(7)
    gate.enter(worker, HERE, "ask")


def test_tokens_are_counted_each_by_itself(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    one, other = holder("one", requests_per_second=0.1), holder("other", requests_per_second=0.1)
    gate.enter(one, HERE)
    with pytest.raises(TooManyRequests):
        gate.enter(one, HERE)
    gate.enter(other, HERE)


def test_two_secrets_of_one_token_share_its_limits(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    gate.enter(holder("t", requests_per_second=0.1), HERE)
    with pytest.raises(TooManyRequests):
        gate.enter(holder("t", requests_per_second=0.1), HERE)


def test_trials_and_steps_are_counted_together_or_not_at_all(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    worker = holder(trials_per_hour=2, steps_per_hour=10)
    gate.enter(worker, HERE)
    gate.steps("t", trials=1, steps=8)
    with pytest.raises(TooManyRequests, match="10 steps an hour"):
        gate.steps("t", trials=1, steps=3)
    gate.steps("t", trials=1, steps=2)
    with pytest.raises(TooManyRequests, match="2 trials an hour") as told:
        gate.steps("t", trials=1)
    assert told.value.headers["Retry-After"] == "1800"
    clock.advance(1800)
    gate.steps("t", trials=1, steps=5)


def test_what_came_to_nothing_is_given_back(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    gate.enter(holder(trials_per_hour=1), HERE)
    for _ in range(5):
        spent = gate.steps("t", trials=1)
        assert spent is not None
        spent.give_back()
        spent.give_back()
    gate.steps("t", trials=1)
    with pytest.raises(TooManyRequests):
        gate.steps("t", trials=1)


def test_more_steps_than_are_ever_allowed_are_not_put_off_but_refused(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    gate.enter(holder(steps_per_hour=10), HERE)
    with pytest.raises(BodyTooLarge, match="here are 11 at once; send fewer"):
        gate.steps("t", steps=11)


def test_so_many_streams_are_open_at_a_time_and_one_that_ends_makes_room(clock: Clock) -> None:
    gate = Limiter(ServiceLimits(address_streams=3), clock=clock)
    worker, other = holder(streams=2), holder("other")
    with ExitStack() as open_:
        for _ in range(2):
            open_.enter_context(gate.stream(worker, HERE))
        with pytest.raises(TooManyRequests, match="2 long polls"), gate.stream(worker, "192.0.2.8"):
            pass
        open_.enter_context(gate.stream(other, HERE))
        with pytest.raises(TooManyRequests, match="LRTUNE_LIMIT_ADDRESS_STREAMS"), gate.stream(other, HERE):
            pass
    with gate.stream(worker, HERE), gate.stream(worker, HERE):
        pass


def test_studies_created_at_once_are_no_more_than_allowed(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    gate.enter(holder(studies=3), HERE)
    made: list[int] = []

    async def create(number: int) -> None:
        async with gate.creating("t", lambda _token: len(made)):
            await asyncio.sleep(0)
            made.append(number)

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(*(create(number) for number in range(10)), return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert len(made) == 3
    assert sum(isinstance(one, TooManyStudies) for one in outcomes) == 7


def test_what_is_left_is_told(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    worker = holder(requests_per_second=10, steps_per_hour=100)
    gate.enter(worker, HERE)
    gate.steps("t", steps=36)
    assert dict(gate.headers(worker, HERE)) == {
        b"ratelimit-policy": b'"requests";q=50;w=5, "steps";q=100;w=3600',
        b"ratelimit": b'"requests";r=49;t=1, "steps";r=64;t=1296',
    }
    assert gate.headers(holder("free"), HERE) == []


def test_tokens_that_have_not_come_for_long_are_forgotten_and_no_others(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    busy = holder("busy", trials_per_hour=1)
    gate.enter(busy, HERE)
    for number in range(_SWEEP_AT):
        gate.enter(holder(f"old-{number}", requests_per_second=1), HERE)
    slow, streaming = holder("slow", requests_per_second=1e-6), holder("streaming", streams=1)
    gate.enter(slow, HERE)
    with gate.stream(streaming, HERE):
        clock.advance(_FORGET_SECONDS + 1)
        gate.enter(busy, HERE)
        gate.steps("busy", trials=1)
        fresh = holder("fresh", steps_per_hour=5)
        gate.enter(fresh, HERE)
        for number in range(_SWEEP_AT):
            gate.enter(holder(f"new-{number}"), HERE)
        assert not gate.has_limits("old-0")
        assert all(gate.has_limits(one) for one in ("slow", "streaming", "fresh"))
    with pytest.raises(TooManyRequests):
        gate.steps("busy", trials=1)


def test_limits_that_were_changed_hold_from_the_next_request_on(clock: Clock) -> None:
    gate = Limiter(clock=clock)
    assert gate.is_free(holder())
    limited = holder(requests_per_second=0.1)
    assert not gate.is_free(limited)
    gate.enter(limited, HERE)
    with pytest.raises(Refused):
        gate.enter(limited, HERE)
    assert gate.is_free(holder())
    assert not gate.has_limits("t")


def test_where_nothing_is_limited_a_report_pays_no_more_than_for_some_calls() -> None:
    gate = Limiter()
    worker = holder()
    assert gate.is_free(worker)

    def least(call: Callable[[], object]) -> float:
        return min(timeit.repeat(call, number=5_000, repeat=9))

    assert least(lambda: (gate.is_free(worker), gate.has_limits("t"))) < 40 * least(lambda: None)
