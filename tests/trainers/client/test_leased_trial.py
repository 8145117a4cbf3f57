import asyncio
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lrtune import Client, LeasedTrial, LrtuneError, ServiceError, TrialPaused, TrialStopped
from lrtune.trainers.errors import NothingReported, Shutdown, TrialNotOpen
from tests.fake_service import FakeService, lease_lost, problem


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def test_a_training_that_ends_is_complete_with_its_last_value(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        for step in (1, 2, 3):
            trial.report(step, 1.0 / step)
    assert [body["reports"] for body in service.bodies("/reports")][-1] == [{"step": 3, "value": 1 / 3}]
    assert service.bodies("/result") == [
        {"lease": "lease-0", "state": "complete", "value": 1 / 3, "standard_error": None, "error": None}
    ]


def test_the_final_value_comes_before_the_last_reported(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5)
        trial.complete(0.25)
    assert service.bodies("/result")[0]["value"] == 0.25


def test_a_non_finite_loss_is_told_as_such(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, math.nan)
        trial.report(2, -math.inf)
    assert [body["reports"][0]["value"] for body in service.bodies("/reports")] == ["nan", "-inf"]


@pytest.mark.parametrize(
    ("reason", "state"), [("pruned", "pruned"), ("diverged", "diverged"), ("study_finished", "pruned")]
)
def test_a_stopped_training_ends_quietly_with_its_outcome(
    client: Client, service: FakeService, reason: str, state: str
) -> None:
    service.verdict = {"verdict": "stop", "reason": reason, "explanation": "rank 9 of 9"}
    with lease(client) as trial:
        with pytest.raises(TrialStopped, match=f"{reason}: rank 9 of 9") as caught:
            trial.report(1, 3.0)
        raise caught.value
    assert [(body["state"], body["value"]) for body in service.bodies("/result")] == [(state, None)]


def test_a_paused_training_is_given_back_with_its_checkpoint(client: Client, service: FakeService) -> None:
    service.verdict = {"verdict": "pause", "reason": "paused"}
    with lease(client) as trial:
        with pytest.raises(TrialPaused) as caught:
            trial.report(1, 3.0)
        trial.checkpoint("s3://weights", step=1)
        raise caught.value
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": {"uri": "s3://weights", "step": 1}}]
    assert service.bodies("/result") == []


def test_who_checks_within_a_step_is_told_what_the_next_report_would_and_reports_nothing(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5)
        trial.check()
        service.verdict = {"verdict": "stop", "reason": "study_finished"}
        with pytest.raises(TrialStopped):
            trial.report(2, 0.4)
        with pytest.raises(TrialStopped, match="study_finished"):
            trial.check()
    assert len(service.bodies("/reports")) == 2
    with pytest.raises(TrialNotOpen):
        trial.check()


def test_a_checkpoint_travels_with_its_report_once(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5, checkpoint="file:///a")
        trial.report(2, 0.4)
    assert [body["checkpoint"] for body in service.bodies("/reports")] == [
        {"uri": "file:///a", "step": 1},
        None,
    ]


def test_a_lost_lease_ends_the_training_quietly_and_tells_no_result(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        service.fault = lambda _: lease_lost()
        trial.report(1, 0.5)
        pytest.fail("the report must raise")
    assert service.bodies("/result") == []
    assert trial.outcome == "lease lost"


def test_a_late_result_that_is_refused_breaks_nothing(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5)
        service.fault = lambda _: lease_lost()
    assert trial.outcome == "lease lost"


def test_an_error_fails_the_trial_with_its_traceback_and_goes_on(client: Client, service: FakeService) -> None:
    with pytest.raises(ZeroDivisionError), lease(client):
        1 / 0  # noqa: B018
    (result,) = service.bodies("/result")
    assert result["state"] == "failed"
    assert "test_leased_trial.py" in result["error"]
    assert result["error"].rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_very_long_error_is_cut_to_its_end(client: Client, service: FakeService) -> None:
    with pytest.raises(ValueError, match="the end"), lease(client):
        raise ValueError("x" * 50_000 + "\udcff the end")
    error = service.bodies("/result")[0]["error"]
    assert len(error) == 20_000
    assert error.rstrip().endswith("the end")


def test_an_error_is_not_hidden_by_one_of_the_service(client: Client, service: FakeService) -> None:
    with pytest.raises(ZeroDivisionError), lease(client):  # noqa: PT012
        service.fault = lambda _: problem(500)
        1 / 0  # noqa: B018


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), Shutdown(signal.SIGTERM), asyncio.CancelledError()])
def test_a_process_that_is_told_to_end_gives_its_trial_back_unharmed(
    client: Client, service: FakeService, ending: BaseException
) -> None:
    with pytest.raises(type(ending)), lease(client) as trial:  # noqa: PT012
        trial.report(1, 0.5, checkpoint="file:///a")
        raise ending
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": {"uri": "file:///a", "step": 1}}]
    assert service.bodies("/result") == []


class Handler:
    def __call__(self, number: int, frame: object) -> None:
        sys.exit(number)

    def method(self, number: int, frame: object) -> None:
        self(number, frame)


@pytest.mark.parametrize(
    "handler",
    [lambda number, _: sys.exit(number), Handler(), Handler().method, partial(lambda code, *_: sys.exit(code), 0)],
    ids=["function", "object", "method", "partial"],
)
def test_a_script_whose_own_signal_handler_exits_gives_its_trial_back_unharmed(
    client: Client, service: FakeService, handler: Any
) -> None:
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(SystemExit), lease(client):  # noqa: PT012
            os.kill(os.getpid(), signal.SIGUSR1)
            pytest.fail("the handler must exit")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": None}]


def test_a_library_that_makes_an_exit_of_ctrl_c_gives_its_trial_back_unharmed(
    client: Client, service: FakeService
) -> None:
    with pytest.raises(SystemExit), lease(client):  # noqa: PT012
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    assert service.bodies("/release") == [{"lease": "lease-0", "checkpoint": None}]


@pytest.mark.parametrize("code", [None, 0, 1, "no GPU"])
def test_a_training_that_exits_by_itself_loses_its_attempt_with_its_checkpoint_kept(
    client: Client, service: FakeService, code: object
) -> None:
    with pytest.raises(SystemExit), lease(client) as trial:  # noqa: PT012
        trial.report(1, 0.5, checkpoint="file:///a")
        sys.exit(code)  # type: ignore[arg-type]
    (release,) = service.bodies("/release")
    assert release["checkpoint"] == {"uri": "file:///a", "step": 1}
    assert "sys.exit(code)" in release["error"]
    assert service.bodies("/result") == []
    assert trial.outcome == "attempt lost"


def test_a_training_in_a_generator_that_is_closed_loses_its_attempt(client: Client, service: FakeService) -> None:
    def steps() -> Iterator[int]:
        with lease(client):
            yield from range(9)

    training = steps()
    next(training)
    training.close()
    assert "GeneratorExit" in service.bodies("/release")[0]["error"]


def test_a_resumed_trial_given_back_keeps_its_old_checkpoint(client: Client, service: FakeService) -> None:
    service.resume = {"uri": "file:///old", "step": 2}
    with pytest.raises(KeyboardInterrupt), lease(client) as trial:  # noqa: PT012
        assert trial.resume is not None
        assert trial.resume.step == 2
        raise KeyboardInterrupt
    assert service.bodies("/release")[0]["checkpoint"] == {"uri": "file:///old", "step": 2}


def test_a_training_without_a_loss_has_failed(client: Client, service: FakeService) -> None:
    with pytest.raises(NothingReported, match=r"call trial\.report"), lease(client):
        pass
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_refused_report_is_an_error_of_the_training(client: Client, service: FakeService) -> None:
    errors = [{"loc": ["reports", 0, "step"], "msg": "must be at most max_steps (3)"}]
    service.max_steps = None
    trial = lease(client)
    service.fault = lambda request: problem(422, errors=errors) if request.url.path.endswith("reports") else None
    with pytest.raises(ServiceError, match=r"reports\.0\.step: must be at most"), trial:
        trial.report(4, 0.5)
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_trial_is_used_inside_its_block_only(client: Client, service: FakeService) -> None:
    trial = lease(client)
    with pytest.raises(TrialNotOpen, match="with trial"):
        trial.report(1, 0.5)
    with trial:
        trial.complete(1.0)
    with pytest.raises(TrialNotOpen):
        trial.complete(2.0)


def test_an_unopened_trial_is_given_back_and_complained_about(client: Client, service: FakeService) -> None:
    with pytest.raises(LrtuneError, match="with trial"):
        for _trial in client.study("s").leases():
            pass
    assert len(service.bodies("/release")) == 1


def test_the_iteration_ends_when_the_service_says_done(client: Client, service: FakeService) -> None:
    seen = []
    for trial in client.study("s").leases(worker="me", anneals=True):
        with trial:
            trial.complete(0.5)
        seen.append(trial.number)
    assert seen == [0, 1]
    ask = service.bodies("/trials")[0]
    assert (ask["worker"], ask["anneals"], ask["resumable"]) == ("me", True, False)


def test_waiting_for_leased_out_trials_can_be_interrupted(client: Client, service: FakeService) -> None:
    import httpx2

    stop = threading.Event()

    def nothing_now(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/trials"):
            stop.set()
            return httpx2.Response(200, json={"done": False, "retry_after_seconds": 3600.0})
        return None

    service.fault = nothing_now
    assert list(client.study("s").leases(stop=stop)) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_called_diverged_as_the_service_has_it(client: Client, value: float) -> None:
    trial = next(client.study("s").leases())
    with trial:
        trial.complete(value)
    assert trial.outcome == f"diverged, {value}"


@pytest.mark.parametrize("fails", [True, False])
def test_a_forked_copy_of_an_open_trial_does_not_end_its_training(
    client: Client, service: FakeService, fails: bool
) -> None:
    trial = next(client.study("s").leases())
    told, tell = os.pipe()
    with trial:
        trial.report(1, 0.5)
        before = len(service.calls)
        child = os.fork()
        if child == 0:
            error = ZeroDivisionError() if fails else None
            trial.__exit__(type(error) if error else None, error, None)
            os.write(tell, f"{len(service.calls) - before} {trial.outcome}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(told, 100) == b"0 left to the process that trains it"
        trial.report(2, 0.25)
    assert (trial.outcome, service.bodies("/result")[-1]["state"]) == ("complete, 0.25", "complete")


def test_a_value_that_is_known_when_the_block_ends_is_read_then(client: Client, service: FakeService) -> None:
    best: list[float] = []
    with lease(client) as trial:
        trial.complete_with(lambda: min(best))
        trial.report(1, 0.5)
        best += [0.5, 0.25]
    assert service.bodies("/result")[-1]["value"] == 0.25
    with lease(client) as trial:
        trial.complete_with(lambda: 1.0)
        trial.complete(2.0)
    assert service.bodies("/result")[-1]["value"] == 2.0


def test_a_value_that_cannot_be_had_when_the_block_ends_fails_the_trial(client: Client, service: FakeService) -> None:
    with pytest.raises(ZeroDivisionError), lease(client) as trial:
        trial.complete_with(lambda: 1 / 0)
    assert service.bodies("/result")[-1]["state"] == "failed"
