"""What trackers are told while trials train, and that no training notices them."""

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from lrtune import Client, LeaseLost, LrtuneError, StudyHandle, TrialPaused, TrialStopped
from lrtune.trainers.tracking.news import MOST_POINTS, MOST_TRIALS, News
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Ending, Point
from lrtune.trainers.tracking.writer import Writer
from tests.fake_service import FakeService, lease_lost, problem
from tests.support.tracking import Notebook, trial_of


@pytest.fixture
def book() -> Notebook:
    return Notebook()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 10
    while (left := [one.name for one in threading.enumerate() if one.name == "lrtune-notebook"]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert left == []


def test_each_trial_is_a_run_with_its_parameters_reports_and_outcome(client: Client, book: Notebook) -> None:
    study = client.study("s")
    with study.tracking(book):
        for trial in study.leases("me:7"):
            with trial:
                trial.report(1, 0.5)
                trial.report(2, 0.25 + trial.number)
                trial.complete(0.2)
    assert [book.of(number).written for number in (0, 1)] == [[(1, 0.5), (2, 0.25)], [(1, 0.5), (2, 1.25)]]
    assert book.of(0).params == {"learning_rate": 0.1}
    assert (book.of(0).attempts, book.of(0).workers) == ([1], ["me:7"])
    assert [(one.state, one.value) for one in book.of(1).endings if one] == [("complete", 0.2)]
    assert [one.learning_rate for one in book.suggestions] == [0.00312]
    assert book.opened == book.closed == 2


def test_reports_that_a_thread_sends_are_told_once_the_service_has_them(
    client: Client, service: FakeService, book: Notebook
) -> None:
    service.max_steps = 1000
    study = client.study("s")
    with study.tracking(book):
        with next(study.leases()) as trial:
            for step in range(1, 100):
                trial.report(step, 1.0 / step, wait_seconds=0)
        service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
        with next(study.leases()) as trial:
            trial.report(1, 0.5, wait_seconds=0)
    assert [step for step, _ in book.of(0).written] == list(range(1, 100))
    assert book.of(0).state == "complete"
    assert book.of(1).written == []


def test_a_run_is_seen_while_its_trial_trains(client: Client, book: Notebook) -> None:
    study = client.study("s")
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(1, 0.5)
        deadline = time.monotonic() + 20
        while not (book.runs and book.of(0).written) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert book.of(0).written == [(1, 0.5)]
        assert book.of(0).endings == []


@pytest.mark.parametrize(("reason", "state"), [("pruned", "pruned"), ("diverged", "diverged")])
def test_a_stopped_trial_says_why(
    client: Client, service: FakeService, book: Notebook, reason: str, state: str
) -> None:
    service.verdict = {"verdict": "stop", "reason": reason, "explanation": "rank 9 of 9"}
    study = client.study("s")
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(1, 3.0)
    (ending,) = book.of(0).endings
    assert ending is not None
    assert (ending.state, ending.value, ending.why) == (state, None, f"{reason}: rank 9 of 9")


def test_a_failed_trial_has_its_error_and_a_complete_one_that_is_nan_has_diverged(
    client: Client, book: Notebook
) -> None:
    study = client.study("s")
    with study.tracking(book):
        leases = study.leases()
        with pytest.raises(ZeroDivisionError), next(leases):
            _ = 1 / 0
        with next(leases) as trial:
            trial.complete(math.nan)
    failed, diverged = (book.of(number).endings[0] for number in (0, 1))
    assert failed is not None
    assert diverged is not None
    assert failed.state == "failed"
    assert "ZeroDivisionError" in (failed.error or "")
    assert diverged.state == "diverged"


def test_a_paused_trial_goes_on_as_the_same_run(client: Client, service: FakeService, book: Notebook) -> None:
    study = client.study("s")
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(1, 0.5)
        service.verdict = {"verdict": "pause", "reason": "paused"}
        with pytest.raises(TrialPaused) as paused:
            trial.report(2, 0.4, checkpoint="file:///2")
        raise paused.value
    service.verdict = {"verdict": "continue"}
    service.resume = {"uri": "file:///2", "step": 2}
    service.by_request_id.clear()
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(3, 0.3)
    assert book.of(0).written == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert [one and one.state for one in book.of(0).endings] == [None, "complete"]
    assert book.of(0).rewound == []


def test_an_attempt_from_an_older_checkpoint_takes_back_what_came_after_it(
    client: Client, service: FakeService, book: Notebook
) -> None:
    def train() -> None:
        with study.tracking(book), next(study.leases()) as trial:
            for step, value in ((1, 0.5), (2, 0.4), (3, 0.3)):
                trial.report(step, value, checkpoint="file:///1" if step == 1 else None)
            raise KeyboardInterrupt

    study = client.study("s")
    with pytest.raises(KeyboardInterrupt):
        train()
    service.resume = {"uri": "file:///1", "step": 1}
    service.by_request_id.clear()
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(2, 0.45)
    assert book.of(0).written == [(1, 0.5), (2, 0.45)]
    assert book.of(0).rewound == [1]


def test_who_has_lost_the_lease_leaves_the_run_to_its_successor(
    client: Client, service: FakeService, book: Notebook
) -> None:
    def fault(request: httpx2.Request) -> httpx2.Response | None:
        return lease_lost() if request.url.path.endswith("/reports") and service.bodies("/reports")[1:] else None

    study = client.study("s")
    service.fault = fault
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(1, 0.5)
        with pytest.raises(LeaseLost) as lost:
            trial.report(2, 0.4)
        raise lost.value
    assert book.of(0).written == [(1, 0.5)]
    assert book.of(0).endings == []
    assert book.closed == 1


def test_who_learns_with_the_result_that_the_lease_is_lost_does_not_end_the_run(
    client: Client, service: FakeService, book: Notebook
) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/result") else None
    study = client.study("s")
    with study.tracking(book), next(study.leases()) as trial:
        trial.report(1, 0.5)
    assert trial.outcome == "lease lost"
    assert book.of(0).endings == []


def test_what_the_service_did_not_take_is_not_told(client: Client, service: FakeService, book: Notebook) -> None:
    def fault(request: httpx2.Request) -> httpx2.Response | None:
        return problem(400, detail="no") if request.url.path.endswith("/result") else None

    service.fault = fault
    study = client.study("s")
    with study.tracking(book), pytest.raises(LrtuneError), next(study.leases()) as trial:
        trial.report(1, 0.5)
    assert [one and one.state for one in book.of(0).endings] in ([None], [])


def test_a_training_does_not_wait_for_a_tracker_that_hangs_and_one_line_says_what_was_lost(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()
    book = Notebook(fault=lambda _: ended.wait(60))
    book.spec = "mlflow:http://me:secret@desk"
    study = client.study("s")
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "lrtune"):
        with study.tracking(book, flush_seconds=0.2), next(study.leases()) as trial:
            for step in range(1, 4):
                trial.report(step, 0.5)
        assert time.monotonic() - began < 10
        ended.set()
    (line,) = caplog.messages
    assert line == (
        "notebook at desk: 3 reports and the end of 1 trial could not be written (no answer within 0.2 s); "
        "write what is missing with `lrtune study mirror s --to mlflow:http://desk`"
    )
    assert trial.outcome == "complete, 0.5"


def test_what_a_tracker_raises_ends_no_training_and_is_said_once_when_it_fails_and_once_what_was_lost(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_: str) -> None:
        raise ConnectionError("no route\nto http://me:secret@host/x")

    study = client.study("s")
    with caplog.at_level(logging.INFO, "lrtune.trainers.tracking"), study.tracking(Notebook(fault=away)):
        for trial in study.leases():
            with trial:
                trial.report(1, 0.5)
            assert trial.outcome == "complete, 0.5"
    first, last = caplog.messages
    assert "no route to http://host/x" in first
    assert "the training goes on" in first
    assert "2 reports and the end of 2 trials could not be written" in last
    assert "secret" not in caplog.text


@pytest.mark.parametrize("call", ["open", "report", "end", "close"])
def test_a_call_that_fails_once_is_made_again_and_nothing_is_there_twice(
    client: Client, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    calls: list[str] = []

    def fault(name: str) -> None:
        calls.append(name)
        if name == call and calls.count(call) == 1:
            raise OSError("no space left on device")

    book = Notebook(fault=fault)
    study = client.study("s")
    with caplog.at_level(logging.INFO, "lrtune.trainers.tracking"), study.tracking(book):
        with next(study.leases()) as trial:
            trial.report(1, 0.5)
        wait_until(lambda: bool(book.runs) and book.of(0).state == "complete" and calls[-1] == "close")
        wait_until(lambda: "written again" in caplog.text)
    assert book.of(0).written == [(1, 0.5)]
    assert [one and one.state for one in book.of(0).endings] == ["complete"]
    assert "could not be written" not in caplog.text
    assert book.opened == (1 if call == "open" else 2)  # What is there was read anew.


def test_what_a_tracker_that_is_away_has_missed_is_bounded(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    ended, hangs = threading.Event(), threading.Event()
    book = Notebook(fault=lambda _: hangs.set() or ended.wait(60))
    service.max_steps = None
    study = client.study("s")
    with study.tracking(book, flush_seconds=30.0), next(study.leases(own_length=True)) as trial:
        assert hangs.wait(20)
        for start in range(0, MOST_POINTS + 2000, 1000):
            trial.report_all([(start + step, 0.5) for step in range(1, 1001)])
        ended.set()
    steps = [step for step, _ in book.of(0).written]
    assert len(steps) <= MOST_POINTS
    assert steps[-1] == MOST_POINTS + 2000
    assert (
        f"{MOST_POINTS + 2000 - len(steps)} reports could not be written (it was away or slow, and 10,000 reports of "
        "2,000 trials are kept meanwhile)"
    ) in caplog.text


def test_what_came_together_is_written_after_one_pause(caplog: pytest.LogCaptureFixture) -> None:
    book = Notebook()
    writer = Writer(book, gather_seconds=3.0)
    for number in range(300):
        writer.tell(News(trial_of(number), points={1: Point(1, 0.5, 0.0)}, over="ended", ending=Ending("complete")))
    writer.start()
    began = time.monotonic()
    wait_until(lambda: len(book.runs) == 300 and book.closed == 300)  # Within 20 s.
    assert time.monotonic() - began >= 3.0
    finish(writer)
    assert caplog.messages == []


def test_one_that_fails_is_not_tried_with_all_there_is(caplog: pytest.LogCaptureFixture) -> None:
    tries, first = list[str](), threading.Event()

    def away(call: str) -> None:
        tries.append(call)
        first.set()
        raise ConnectionError("no route")

    writer = Writer(Notebook(fault=away), gather_seconds=1.5)
    for number in range(300):
        writer.tell(News(trial_of(number)))
    writer.start()
    assert first.wait(20)
    wait_until(lambda: "no route" in caplog.text)
    assert len(tries) == 1
    finish(writer)


def test_trials_that_another_process_writes_keep_no_others_waiting() -> None:
    elsewhere, book = Runs(Notebook()), Notebook()
    for number in range(50):
        elsewhere.begin(trial_of(number))
    writer = Writer(book, gather_seconds=0.5)
    for number in range(100):
        writer.tell(News(trial_of(number), over="ended", ending=Ending("complete")))
    writer.start()
    wait_until(lambda: len(book.runs) == 50)
    elsewhere.close()
    wait_until(lambda: book.closed == 100)
    finish(writer)


def test_a_tracker_that_is_slow_is_not_said_to_have_given_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()
    book = Notebook()
    book.fault = lambda _: len(book.runs) == 3 and ended.wait(60)
    writer = Writer(book, gather_seconds=60.0)
    for number in range(9):
        writer.tell(News(trial_of(number), over="ended", ending=Ending("complete")))
    writer.start()
    finish(writer, seconds=2.0)
    ended.set()
    (line,) = caplog.messages
    assert line == (
        "notebook at desk: the end of 7 trials could not be written (2 s were enough for 2 trials, and a longer "
        "flush_seconds is for more)"
    )


def test_an_error_that_is_over_is_not_why_something_was_not_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lrtune.trainers.tracking")
    ended, failed = threading.Event(), threading.Event()
    book = Notebook()

    def fault(_: str) -> None:
        if not failed.is_set():
            failed.set()
            raise ConnectionError("no route")
        if len(book.runs) == 1 and book.closed == 1:
            ended.wait(60)

    book.fault = fault
    writer = Writer(book, gather_seconds=0.01)
    writer.start()
    writer.tell(News(trial_of(0), over="ended", ending=Ending("complete")))
    wait_until(lambda: "written again" in caplog.text)
    writer.tell(News(trial_of(1), over="ended", ending=Ending("complete")))
    finish(writer, seconds=0.5)
    ended.set()
    assert caplog.messages[-1] == ("notebook at desk: the end of 1 trial could not be written (no answer within 0.5 s)")


def test_so_many_trials_are_kept_and_the_first_are_lost(caplog: pytest.LogCaptureFixture) -> None:
    book = Notebook()
    writer = Writer(book, gather_seconds=0.0)
    for number in range(MOST_TRIALS + 30):
        point = {1: Point(1, 0.5, 0.0)} if number < 10 else {}
        writer.tell(News(trial_of(number), points=point, over="ended", ending=Ending("failed", error="x" * 20_000)))
    writer.start()
    finish(writer, seconds=60.0)
    assert {notes.number for notes in book.runs.values()} == set(range(30, MOST_TRIALS + 30))
    (line,) = caplog.messages
    assert "10 reports and the end of 30 trials could not be written (it was away or slow" in line


def finish(writer: Writer, seconds: float = 10.0) -> None:
    """As the end of a search does."""
    writer.finish(None)
    writer.join(time.monotonic() + seconds, seconds, "s")


def test_a_forked_copy_of_a_training_does_not_hang(client: Client, book: Notebook) -> None:
    study = client.study("s")
    with study.tracking(book), next(study.leases()) as trial, _held(study):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            code = 1
            try:
                trial.report(1, 0.9)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        trial.report(1, 0.5)
    assert book.of(0).written == [(1, 0.5)]


def test_after_an_error_no_suggestion_is_told(client: Client, book: Notebook) -> None:
    study = client.study("s")
    with pytest.raises(ZeroDivisionError), study.tracking(book):
        _ = 1 / 0
    assert book.suggestions == []


@pytest.mark.parametrize(
    ("trackers", "said"),
    [
        (lambda: [Notebook(), Notebook()], "notebook at desk is among the trackers twice"),
        (lambda: [Notebook], "without its"),
        (lambda: ["mlflow"], r"like lrtune\.mlflow\.Tracker\(\), not 'mlflow'"),
    ],
)
def test_what_is_no_tracker_or_there_twice_is_refused_before_anything_trains(
    client: Client, trackers: Callable[[], list[Notebook]], said: str
) -> None:
    with pytest.raises(LrtuneError, match=said), client.study("s").tracking(*trackers()):
        pytest.fail("nothing is to be trained")


def test_a_study_is_tracked_once_at_a_time(client: Client) -> None:
    study = client.study("s")
    first, second = study.tracking(Notebook()), study.tracking(Notebook("other"))
    with first, pytest.raises(LrtuneError, match="tracked already"), second:
        pytest.fail("it is tracked already")
    with study.tracking(Notebook()):
        pass


def test_several_trackers_are_told_the_same_and_one_that_fails_harms_none(client: Client, book: Notebook) -> None:
    def broken(_: str) -> None:
        raise ValueError

    study = client.study("s")
    with study.tracking(Notebook("broken", fault=broken), book), next(study.leases()) as trial:
        trial.report(1, 0.5)
        with pytest.raises(TrialStopped) as stopped:
            raise TrialStopped(_pruned())
        raise stopped.value
    assert book.of(0).state == "pruned"


def _pruned() -> "object":
    from lrtune import Verdict

    return Verdict(verdict="stop", reason="pruned", lease_ttl_seconds=60.0)


@contextmanager
def _held(study: StudyHandle) -> Iterator[None]:
    """Within it, another thread has what a tracker's news are kept under."""
    assert study._tracking is not None
    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with study._tracking._writers[0]._changed:  # type: ignore[union-attr]
            held.set()
            ended.wait(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def wait_until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.01)
