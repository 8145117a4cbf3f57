import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

import httpx2
import pytest

from lrtune import Client, ServiceError, ServiceUnreachable
from lrtune.trainers.client.http.retry import backoff_seconds, retry_after_seconds
from tests.fake_service import FakeService, lease_lost, problem


def times(
    count: int, answer: Callable[[], httpx2.Response | None]
) -> Callable[[httpx2.Request], httpx2.Response | None]:
    """A fault that happens `count` times."""
    left = iter(range(count))

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        return answer() if next(left, None) is not None else None

    return fault


def broken() -> httpx2.Response | None:
    raise httpx2.ReadError("connection reset by peer")


def refused() -> httpx2.Response | None:
    raise httpx2.ConnectError("[Errno 111] Connection refused")


def test_a_lost_reply_is_asked_again_with_the_same_request_id(client: Client, service: FakeService) -> None:
    study = client.study("s")
    service.fault = times(2, broken)
    with next(study.leases()) as trial:
        trial.complete(0.5)
    ids = [body["request_id"] for body in service.bodies("/trials")]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_each_ask_has_a_request_id_of_its_own(client: Client, service: FakeService) -> None:
    for trial in client.study("s").leases():
        with trial:
            trial.complete(0.5)
    assert len({body["request_id"] for body in service.bodies("/trials")}) == 3


def test_a_point_whose_reply_was_lost_is_sent_again_with_the_same_request_id(
    client: Client, service: FakeService
) -> None:
    for ending, send in (
        ("/enqueue", lambda: client.enqueue("s", {"learning_rate": 0.1})),
        ("/record", lambda: client.record("s", {"learning_rate": 0.1}, value=0.5)),
    ):
        service.fault = times(2, broken)
        send()
        send()
        ids = [body["request_id"] for body in service.bodies(ending)]
        assert (len(ids), len(set(ids)), len(set(ids[:3]))) == (4, 2, 1)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_retried(client: Client, service: FakeService, slept: list[float], status: int) -> None:
    service.fault = times(3, lambda: problem(status))
    assert client.study("s").name == "s"
    assert slept == [0.2, 0.4, 0.8]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 431])
def test_a_lasting_refusal_is_not_retried(
    client: Client, service: FakeService, slept: list[float], status: int
) -> None:
    service.fault = lambda _: problem(status)
    with pytest.raises(ServiceError, match=f"do better \\({status}\\)"):
        client.study("s")
    assert len(service.calls) == 1
    assert slept == []


def test_a_409_is_never_retried(client: Client, service: FakeService, slept: list[float]) -> None:
    study = client.study("s")
    with next(study.leases()) as trial:
        service.fault = lambda _: lease_lost()
        trial.report(1, 0.5)
    assert len(service.bodies("/reports")) == 1
    assert service.bodies("/result") == []
    assert slept == []


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("7", 7.0),
        ("3600", 30.0),
        ("inf", 30.0),
        ("0", 0.2),
        ("-5", 0.2),
        ("nan", 0.2),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.2),
        ("Thu, 01 Jan 9999999 00:00:00 GMT", 0.2),
    ],
)
def test_retry_after_is_honoured_within_the_backoff_and_30_seconds(
    client: Client, service: FakeService, slept: list[float], header: str, waited: float
) -> None:
    def busy() -> httpx2.Response:
        answer = problem(503)
        answer.headers["Retry-After"] = header
        return answer

    service.fault = times(1, busy)
    client.study("s")
    assert slept == [waited]


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after_seconds("Thu, 01 Jan 2026 12:00:09 GMT", now=now) == 9.0
    assert retry_after_seconds("Thu, 01 Jan 2026 11:00:00 GMT", now=now) == 0.0
    assert retry_after_seconds("soon", now=now) is None
    assert retry_after_seconds(None, now=now) is None


def test_retries_end_with_the_time_allowed(client: Client, service: FakeService, slept: list[float]) -> None:
    service.fault = lambda _: refused()
    with pytest.raises(ServiceUnreachable, match=r"http://service \(connection refused\).*lrtune serve"):
        client.study("s")
    # 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 6.4 = 12.6, then 10 each: 4 of them stay within 60, a fifth would not
    assert slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0, 10.0])


def test_the_backoff_is_spread_by_jitter() -> None:
    # half to all of 0.2 * 2^(n-1), at most 10
    assert backoff_seconds(1, jitter=0.0) == pytest.approx(0.1)
    assert backoff_seconds(3, jitter=0.5) == pytest.approx(0.6)
    assert backoff_seconds(500, jitter=1.0) == 10.0


def test_what_cannot_be_repeated_is_not_sent_again_once_it_may_have_arrived(
    client: Client, service: FakeService
) -> None:
    service.fault = lambda _: broken()
    with pytest.raises(ServiceUnreachable):
        client.create_study("t")
    assert len(service.calls) == 1


def test_what_cannot_be_repeated_is_sent_again_where_it_did_not_arrive(client: Client, service: FakeService) -> None:
    service.fault = times(2, refused)
    client.create_study("t")
    assert len(service.calls) == 3


def test_a_broken_service_is_asked_again_for_30_seconds(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    service.fault = lambda _: problem(500, "internal-error")
    with pytest.raises(ServiceError, match="do better"):
        client.study("s")
    assert 20 < sum(slept) <= 30


def test_a_script_without_logging_is_told_after_two_seconds_and_every_half_minute_what_it_waits_for(
    client: Client, service: FakeService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for heard, lines in ((False, 2), (True, 0)):
        monkeypatch.setattr("lrtune.trainers.client.http.retry._heard_by_a_handler", lambda heard=heard: heard)
        service.fault = lambda _: refused()
        with pytest.raises(ServiceUnreachable):
            client.study("s")
        said = capsys.readouterr().err.splitlines()
        assert len(said) == lines
        for line in said:
            assert line.startswith("lrtune: no answer from http://service ([Errno 111] Connection refused); trying")


def test_a_short_wait_is_not_worth_a_word(
    client: Client, service: FakeService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrtune.trainers.client.http.retry._heard_by_a_handler", lambda: False)
    service.fault = times(3, refused)
    client.study("s")
    assert capsys.readouterr().err == ""


def limited() -> httpx2.Response:
    return problem(429, "too-many-requests", headers={"Retry-After": "30"}, detail="60 trials an hour are begun")


def test_a_training_that_has_reached_an_hourly_limit_waits_for_the_hour_and_goes_on(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    with next(client.study("s").leases()) as trial:
        service.fault = times(120, limited)
        trial.report(1, 0.5)
    assert (sum(slept), len(slept)) == (3600.0, 120)
    assert trial.outcome == "complete, 0.5"


def test_the_time_that_a_limit_took_is_not_counted_against_a_service_that_goes_away(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    with next(client.study("s").leases()) as trial:
        faults = [*[limited] * 9, *[refused] * 3]
        service.fault = lambda _: faults.pop(0)() if faults else None
        trial.report(1, 0.5)
    assert sum(slept) > 270.0


def test_a_worker_whose_token_has_had_enough_trials_waits_for_the_next(client: Client, service: FakeService) -> None:
    class Waited(threading.Event):
        seconds: ClassVar[list[float]] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.seconds.append(timeout or 0.0)
            return False

    leases = client.study("s").leases(stop=Waited())
    service.fault = times(50, limited)
    with next(leases) as trial:
        trial.complete(0.5)
    assert Waited.seconds == [30.0] * 50


def test_a_worker_that_waits_for_its_limit_ends_when_it_is_told_to(client: Client, service: FakeService) -> None:
    stop = threading.Event()

    def stopped(request: httpx2.Request) -> httpx2.Response | None:
        stop.set()
        return limited() if request.method == "POST" else None

    service.fault = stopped
    assert list(client.study("s").leases(stop=stop)) == []


def test_who_only_asks_is_told_of_a_limit_and_does_not_wait_for_hours(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    service.fault = times(1000, limited)
    with pytest.raises(ServiceError, match="60 trials an hour"):
        client.study("s")
    assert sum(slept) <= 60.0
