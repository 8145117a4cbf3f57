"""Limits of addresses, and of strangers."""

import pytest

from lrtune.service.access.limits import Limiter, ServiceLimits, TooManyRequests
from lrtune.service.access.limits.by_address import AddressRate, sender_of
from lrtune.service.access.limits.limiter import _setting
from lrtune.service.access.principal import ANYONE, STRANGER, Principal
from tests.support.clock import Clock

HERE = "192.0.2.7"


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def holder(token_id: str = "t") -> Principal:
    return Principal.of("worker", ["*"], token_id=token_id)


def test_an_address_has_its_own_limit_whatever_token_it_shows(clock: Clock) -> None:
    gate = Limiter(ServiceLimits(address_requests_per_second=0.4), clock=clock)
    gate.enter(holder("one"), HERE)
    gate.enter(ANYONE, HERE)
    with pytest.raises(TooManyRequests) as told:
        gate.enter(holder("two"), HERE)
    assert told.value.headers == {"Retry-After": "3", "Connection": "close"}
    gate.enter(holder("two"), "192.0.2.8")


def test_strangers_are_limited_and_nobody_else_is_for_it(clock: Clock) -> None:
    gate = Limiter(ServiceLimits(stranger_requests_per_second=0.2), clock=clock)
    gate.enter(STRANGER, HERE)
    with pytest.raises(TooManyRequests):
        gate.enter(STRANGER, HERE)
    gate.enter(STRANGER, HERE, "probe")
    gate.enter(holder(), HERE)
    gate.enter(ANYONE, HERE)


def test_a_host_does_not_get_more_by_having_many_ipv6_addresses(clock: Clock) -> None:
    assert sender_of("2001:db8:1:2::1") == sender_of("2001:db8:1:2:ffff::9")
    assert sender_of("2001:db8:1:2::1") != sender_of("2001:db8:1:3::1")
    assert sender_of("::ffff:192.0.2.7") == sender_of(HERE)
    assert sender_of("fe80::1%eth0") == sender_of("fe80::2")
    for odd in (None, "", "unix:", "nonsense"):
        assert isinstance(sender_of(odd), str)


def test_a_flood_from_a_million_addresses_is_not_remembered(clock: Clock) -> None:
    rate = AddressRate(_setting("stranger_requests_per_second", 1.0), most=100)
    for number in range(5000):
        rate.enter(f"10.0.{number // 256}.{number % 256}", clock())
    assert len(rate) == 100
