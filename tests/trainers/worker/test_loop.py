import logging
import os
import signal
import sys
from typing import Any

import httpx2
import pytest

from lrtune import Client, LeasedTrial, ServiceUnreachable, task
from lrtune.trainers.client.http.retry import Retry
from lrtune.trainers.errors import StudyHalted, TaskKeepsFailing, TokenRefused, VersionRefused
from lrtune.trainers.worker.loop import exit_code, run, work
from lrtune.trainers.worker.signals import Shutdown, Signals
from tests.fake_service import TRIAL, FakeService, problem


def test_a_task_may_report_or_return_its_loss(client: Client, service: FakeService) -> None:
    def train(trial: LeasedTrial) -> float | None:
        if trial.number == 0:
            return 0.25
        trial.report(1, 0.5)
        return None

    with Signals() as signals:
        assert work(client.study("s"), train, signals=signals) == 2
    assert [body["value"] for body in service.bodies("/result")] == [0.25, 0.5]


def test_what_a_task_says_about_itself_reaches_the_service(client: Client, service: FakeService) -> None:
    @task(anneals=True, resumable=True)
    def train(trial: LeasedTrial) -> float:
        return 0.5

    run(client.study("s"), train, worker="me")
    ask = service.bodies("/trials")[0]
    assert (ask["worker"], ask["anneals"], ask["resumable"]) == ("me", True, True)


def test_a_paused_training_is_given_back_with_its_checkpoint_and_the_worker_goes_on(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    explanation = "paused at step 1 of 3, rank 2 of 2 paused trials"
    service.verdict = {"verdict": "pause", "reason": "paused", "explanation": explanation}

    @task(resumable=True)
    def train(trial: LeasedTrial) -> None:
        trial.report(1, 0.5, checkpoint=f"file:///{trial.number}")
        pytest.fail("the report must raise")

    with caplog.at_level(logging.INFO, "lrtune.trainers"), Signals() as signals:
        assert work(client.study("s"), train, signals=signals) == 2
    assert [body["checkpoint"] for body in service.bodies("/release")] == [
        {"uri": "file:///0", "step": 1},
        {"uri": "file:///1", "step": 1},
    ]
    assert service.bodies("/result") == []
    assert explanation in caplog.text


def test_a_failing_task_fails_its_trial_and_the_worker_goes_on(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    def train(trial: LeasedTrial) -> float:
        if trial.number == 0:
            raise ValueError("no such file: data.csv")
        return 0.5

    with caplog.at_level(logging.INFO, "lrtune.trainers"):
        run(client.study("s"), train)
    assert [body["state"] for body in service.bodies("/result")] == ["failed", "complete"]
    assert "no such file: data.csv" in caplog.text
    assert "Traceback" in caplog.text


def test_a_worker_gives_up_after_three_failures_in_a_row(client: Client, service: FakeService) -> None:
    service.max_trials = 9

    def train(trial: LeasedTrial) -> float:
        raise ValueError("no GPU")

    with pytest.raises(TaskKeepsFailing, match="failed 3 times in a row, the last time with ValueError: no GPU"):
        run(client.study("s"), train)
    assert len(service.bodies("/result")) == 3


def test_failures_count_in_a_row_only(client: Client, service: FakeService) -> None:
    service.max_trials = 8

    def train(trial: LeasedTrial) -> float:
        if trial.number % 3 < 2:
            raise ValueError
        return 0.5

    run(client.study("s"), train)
    assert len(service.bodies("/result")) == 8


def test_a_task_that_exits_costs_an_attempt_and_the_worker_goes_on(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    def train(trial: LeasedTrial) -> float:
        if trial.number == 0:
            sys.exit("no GPU")
        return 0.5

    with Signals() as signals:
        assert work(client.study("s"), train, signals=signals) == 2
    assert "no GPU" in service.bodies("/release")[0]["error"]
    assert [body["state"] for body in service.bodies("/result")] == ["complete"]
    assert "no GPU" in caplog.text


def test_a_worker_whose_task_keeps_exiting_gives_up(client: Client, service: FakeService) -> None:
    service.max_trials = 9
    with pytest.raises(TaskKeepsFailing, match="SystemExit: 3"), Signals() as signals:
        work(client.study("s"), lambda _: sys.exit(3), signals=signals)
    assert len(service.bodies("/release")) == 3


def test_in_a_script_an_exit_of_the_training_ends_the_script_and_costs_an_attempt(
    client: Client, service: FakeService
) -> None:
    with pytest.raises(SystemExit, match="3"):
        run(client.study("s"), lambda _: sys.exit(3))
    assert [bool(body["error"]) for body in service.bodies("/release")] == [True]


def test_a_service_that_is_gone_is_no_failure_of_the_task(client: Client, service: FakeService) -> None:
    def train(trial: LeasedTrial) -> None:
        service.fault = lambda _: problem(503)
        raise ServiceUnreachable("http://service", "it took too long")

    with pytest.raises(ServiceUnreachable):
        run(client.study("s"), train)
    assert service.bodies("/result") == []


@pytest.mark.parametrize("late", [False, True])
def test_a_worker_whose_token_stays_refused_ends_with_one_line_and_keeps_what_its_trial_came_to(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, late: bool
) -> None:
    def train(trial: LeasedTrial) -> float:
        service.fault = lambda _: problem(401, "token-refused", detail="there is no such token, or it was rotated")
        if not late:
            trial.report(1, 0.5)
        return 0.5

    with pytest.raises(TokenRefused) as refused:
        run(client.study("s"), train)
    assert "it was rotated" in str(refused.value)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("lrtune.trainers.client.")]
    assert "trial 0: complete, 0.5; the service is away still. The next worker" in told[-1]
    assert len(service.bodies("/trials")) == 1, "no other trial is asked for"


def test_a_worker_of_another_version_than_the_service_ends_with_one_line_and_asks_for_no_other_trial(
    client: Client, service: FakeService
) -> None:
    def train(trial: LeasedTrial) -> float:
        service.fault = lambda _: problem(426, "version-not-spoken", detail="upgrade the client")
        trial.report(1, 0.5)
        return 0.5

    with pytest.raises(VersionRefused, match="upgrade the client"):
        run(client.study("s"), train)
    assert len(service.bodies("/trials")) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_breaks_into_a_training_and_gives_its_trial_back(
    client: Client, service: FakeService, number: signal.Signals, code: int
) -> None:
    def train(trial: LeasedTrial) -> None:
        trial.report(1, 0.5, checkpoint="file:///a")
        os.kill(os.getpid(), number)
        pytest.fail("the signal must end the training")

    before = signal.getsignal(number)
    with pytest.raises(Shutdown) as caught, Signals() as signals:
        work(client.study("s"), train, signals=signals)
    assert exit_code(caught.value) == code
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": {"uri": "file:///a", "step": 1}}]
    assert len(service.bodies("/trials")) == 1
    assert signal.getsignal(number) is before


def test_a_signal_does_not_tear_a_result_on_its_way(client: Client, service: FakeService) -> None:
    def interrupt(request: object) -> None:
        if service.calls[-1][1].endswith("/result"):
            os.kill(os.getpid(), signal.SIGTERM)

    service.fault = interrupt
    with pytest.raises(Shutdown), Signals() as signals:
        work(client.study("s"), lambda _: 0.5, signals=signals)
    assert [body["state"] for body in service.bodies("/result")] == ["complete"]
    assert service.bodies("/release") == []
    assert len(service.bodies("/trials")) == 1


def test_in_a_script_a_signal_ends_as_python_users_know_it(client: Client, service: FakeService) -> None:
    def train(trial: LeasedTrial) -> None:
        os.kill(os.getpid(), signal.SIGTERM if trial.number else signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(client.study("s"), train)
    with pytest.raises(SystemExit, match="143"):
        run(client.study("s"), train)
    assert len(service.bodies("/release")) == 2


def test_a_signal_shortens_the_wait_for_a_service_that_is_away(service: FakeService) -> None:
    def away(request: httpx2.Request) -> httpx2.Response:
        os.kill(os.getpid(), signal.SIGTERM)
        return problem(503, headers={"Retry-After": "30"})

    with Signals() as signals:
        retry = Retry(total_seconds=3600.0, stopping=signals.stopping)
        with Client("http://service", transport=httpx2.MockTransport(service), retry=retry) as client:
            study = client.study("s")
            service.fault = away
            with pytest.raises(Shutdown):
                work(study, lambda _: 0.5, signals=signals)
    assert len(service.bodies("/trials")) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"verdict": "too_low", "evidence": ["ends at 2.3, 8 times the best, 0.29", "the rate is low", "falls"]},
            "too_low",
        ),
        ({"verdict": "unclear", "evidence": ["2 values are too few"]}, ""),
        (None, ""),
        ("gone", ""),
    ],
)
def test_the_closing_line_says_what_the_study_says_of_the_rate(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, answer: Any, said: str
) -> None:
    asked = []

    def diagnosed(request: httpx2.Request) -> httpx2.Response | None:
        if request.method != "GET" or "/trials/" not in request.url.path:
            return None
        asked.append(request.url.path)
        if answer == "gone":
            return problem(503, "storage-unavailable")
        return httpx2.Response(200, json={**TRIAL, "curve": [], "diagnosis": answer})

    service.fault = diagnosed
    with caplog.at_level(logging.INFO, "lrtune.trainers"):
        run(client.study("s"), lambda trial: trial.report(1, 0.5))
    told = "; learning rate too_low: ends at 2.3, 8 times the best, 0.29; the rate is low" if said else ""
    closing = next(line for line in caplog.messages if "complete" in line)
    assert closing.startswith("trial 0: complete, 0.5; ")
    assert ("; learning rate too_low" in closing) is bool(said)
    assert closing.endswith(told)
    assert asked == ["/v1/studies/s/trials/0", "/v1/studies/s/trials/1"], "once each, whatever the answer"


def test_a_worker_whose_trials_all_failed_says_so_at_the_end_however_few_they_were(
    client: Client, service: FakeService
) -> None:
    def train(trial: LeasedTrial) -> float:
        raise ValueError(f"no GPU {trial.number}")

    with pytest.raises(TaskKeepsFailing, match="failed 2 times in a row, the last time with ValueError: no GPU 1"):
        run(client.study("s"), train)
    service.by_request_id.clear()
    service.max_trials = 1
    with pytest.raises(TaskKeepsFailing, match="failed in the only trial it had, with ValueError: no GPU"):
        run(client.study("s"), train)


def test_a_worker_of_a_study_that_hands_out_nothing_since_its_trials_fail_raises_the_reason(
    client: Client, service: FakeService
) -> None:
    answer = {
        "done": True,
        "reason": "stopped",
        "halted": True,
        "explanation": "The last 5 trials failed alike: no GPU.",
    }
    service.fault = lambda request: httpx2.Response(200, json=answer) if request.url.path.endswith("/trials") else None
    with pytest.raises(StudyHalted, match="The last 5 trials failed alike: no GPU"):
        run(client.study("s"), lambda _: 0.5)
