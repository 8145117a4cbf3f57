"""The thread that sends a trial's reports."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import pytest

from lrtune.service.wire.trials import Checkpoint, Report
from lrtune.trainers.client import report_sender
from lrtune.trainers.client.report_sender import REQUEST_REPORTS, ReportSender
from lrtune.trainers.errors import InvalidReport, LrtuneError

SOON_SECONDS = 10.0
"""For what a thread does at once; nothing waits so long where it does."""
LOOK_SECONDS = 0.2
"""For what a thread is not to do."""


@dataclass
class Requests:
    """What was sent, a list a request; sending waits where `gate` is not set, and raises `error`."""

    sent: list[list[int]] = field(default_factory=list)
    checkpoints: list[str | None] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def __call__(self, reports: list[Report], checkpoint: Checkpoint | None, _tries: str) -> None:
        self.begun.set()
        assert self.gate.wait(SOON_SECONDS)
        if self.error is not None:
            raise self.error
        self.sent.append([report.step for report in reports])
        self.checkpoints.append(None if checkpoint is None else checkpoint.uri)


@pytest.fixture(autouse=True)
def _no_first_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "FIRST_REST_SECONDS", 0.0)


def points(*steps: int) -> list[Report]:
    return [Report(step=step, value=0.5) for step in steps]


def test_reports_that_come_while_one_is_sent_go_in_one_request_in_their_order() -> None:
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    for step in (2, 3, 4):
        sender.put(points(step), None, 0.0)
    requests.gate.set()
    sender.flush()
    sender.close()
    assert requests.sent == [[1], [2, 3, 4]]


def test_no_request_has_more_reports_than_the_service_takes() -> None:
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(0), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    sender.put(points(*range(1, 2 * REQUEST_REPORTS + 2)), None, 0.0)
    requests.gate.set()
    sender.flush()
    sender.close()
    assert [len(sent) for sent in requests.sent] == [1, REQUEST_REPORTS, REQUEST_REPORTS, 1]
    assert [*chain.from_iterable(requests.sent)] == list(range(2 * REQUEST_REPORTS + 2))


def test_the_newest_checkpoint_goes_along_once() -> None:
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    sender.put(points(2), Checkpoint(uri="s3://two", step=2), 0.0)
    sender.put(points(3), Checkpoint(uri="s3://three", step=3), 0.0)
    requests.gate.set()
    sender.flush()
    sender.put(points(4), None, None)
    sender.close()
    assert requests.checkpoints == [None, "s3://three", None]


def test_it_waits_no_longer_than_it_was_told_to() -> None:
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.01)  # Returns though nothing is sent.
    assert requests.sent == []
    requests.gate.set()
    sender.put(points(2), None, SOON_SECONDS)
    assert [*chain.from_iterable(requests.sent)] == [1, 2]
    sender.close()


def test_the_thread_rests_after_its_work_unless_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "SHARE", 1e-9)  # A rest of LONGEST_REST_SECONDS, whatever was done.
    monkeypatch.setattr(report_sender, "LONGEST_REST_SECONDS", 3600.0)
    requests = Requests()
    requests.gate.set()
    sender = ReportSender(requests)
    sender.put(points(1), None, None)
    sender.put(points(2), None, 0.0)
    sender.put(points(3), None, 1.0)  # Not waited for: it cannot be sent in a second.
    assert requests.sent == [[1]]
    sender.flush()
    assert requests.sent == [[1], [2, 3]]
    sender.close()


def rests(requests: Requests) -> bool:
    """Whether nothing is sent, though something waits: looked at for as long as a thread takes to begin."""
    return not requests.begun.wait(LOOK_SECONDS)


def test_the_first_report_rests_until_the_first_rest_is_over_or_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "FIRST_REST_SECONDS", 3600.0)
    requests = Requests()
    requests.gate.set()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert rests(requests)
    sender.flush()
    assert requests.sent == [[1]]
    sender.close()


def test_once_nobody_waits_any_more_the_thread_rests_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "SHARE", 1e-9)
    monkeypatch.setattr(report_sender, "LONGEST_REST_SECONDS", 3600.0)
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    sender.flush(0.0)  # Waits, and gives up.
    sender.put(points(2), None, 0.0)
    requests.begun.clear()
    requests.gate.set()
    assert rests(requests)
    sender.flush()
    assert requests.sent == [[1], [2]]
    sender.close()


@pytest.mark.parametrize("error", [LrtuneError("too late"), ValueError("odd")])
def test_what_sending_raised_is_raised_by_every_later_call(error: Exception) -> None:
    requests = Requests(error=error)
    requests.gate.set()
    sender = ReportSender(requests)
    calls: list[Callable[[], None]] = [
        lambda: sender.put(points(1), None, None),
        lambda: sender.put(points(2), None, 0.0),
        sender.flush,
    ]
    for call in calls:
        with pytest.raises(LrtuneError, match=str(error)):
            call()
    assert sender.error is not None
    sender.close()


def test_a_full_queue_waits_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "WAITING_REPORTS", 2)
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    sender.put(points(2, 3), None, 0.0)
    opened = threading.Timer(0.05, requests.gate.set)
    opened.start()
    sender.put(points(4), None, 0.0)
    assert requests.sent[0] == [1]
    sender.flush()
    sender.close()
    opened.join()
    assert [*chain.from_iterable(requests.sent)] == [1, 2, 3, 4]


def test_closing_ends_the_thread_and_what_waits_is_not_sent() -> None:
    requests = Requests()
    sender = ReportSender(requests)
    sender.put(points(1), None, 0.0)
    assert requests.begun.wait(SOON_SECONDS)
    sender.put(points(2), None, 0.0)
    closing = threading.Thread(target=sender.close)
    closing.start()
    requests.gate.set()
    closing.join(SOON_SECONDS)
    assert not closing.is_alive()
    assert requests.sent == [[1]]
    assert not [thread for thread in threading.enumerate() if thread.name == "lrtune-reports"]


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_time_to_wait_that_is_none_is_refused(seconds: float) -> None:
    sender = ReportSender(Requests())
    with pytest.raises(InvalidReport, match="wait_seconds must be 0 or more, or None"):
        sender.put(points(1), None, seconds)
    sender.close()
