import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

accelerate = pytest.importorskip("accelerate", reason="needs lrtune[accelerate]: make frameworks")

from lrtune import Client, InvalidReport, LrtuneError, LrtuneWarning, TrialNotOpen, TrialStopped  # noqa: E402
from lrtune.accelerate import leases  # noqa: E402
from tests.fake_service import FakeService, lease_lost  # noqa: E402
from tests.trainers.integrations.launched import launched  # noqa: E402

PROGRAM = Path(__file__).with_name("processes.py")


@pytest.fixture
def alone() -> Any:
    return accelerate.Accelerator(cpu=True)


# Two processes


@pytest.fixture(scope="module")
def seen(address: str, tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """What each of two processes noted of the trials."""
    return launched(PROGRAM, address, tmp_path_factory.mktemp("seen"))


def test_all_processes_train_the_same_trials_with_the_same_params(seen: list[list[dict[str, Any]]]) -> None:
    main, other = seen
    assert [note["number"] for note in main] == [0, 1, 0]
    assert main[:2] == other[:2]


def test_each_trial_is_leased_once_and_its_reports_are_the_main_processs(
    seen: list[list[dict[str, Any]]], address: str
) -> None:
    with Client(address) as client:
        study = client.study("of-two-processes")
        assert [trial.state for trial in study.list()] == ["complete", "pruned"]
        curve = [report.value for report in client.trial("of-two-processes", 0).curve]
    assert curve == pytest.approx(seen[0][0]["losses"])


def test_a_verdict_stops_all_processes_at_the_same_step(seen: list[list[dict[str, Any]]]) -> None:
    for notes in seen:
        assert notes[1]["verdict"] == "study_finished"
        assert len(notes[1]["losses"]) == 2


def test_an_error_of_the_main_process_is_told_to_the_others(seen: list[list[dict[str, Any]]]) -> None:
    main, other = (notes[2]["error"] for notes in seen)
    assert main.startswith("InvalidReport: step 4 is beyond the 3 steps of trial 0")
    assert other == main


def test_what_a_leased_trial_offers_a_shared_one_does(seen: list[list[dict[str, Any]]]) -> None:
    for notes in seen:
        assert notes[0]["kept"]
        assert notes[0]["stop"] == [False, False, False]


def test_what_is_no_accelerator_is_refused() -> None:
    with pytest.raises(LrtuneError, match="takes an Accelerator first, not a NoneType"):
        next(leases(None, lambda: None))  # type: ignore[arg-type, return-value]


def test_processes_wait_together_for_a_trial_that_is_on_lease_elsewhere(seen: list[list[dict[str, Any]]]) -> None:
    assert [notes[2]["attempt"] for notes in seen] == [2, 2]


# One process, as the same script has it without a launcher


def test_one_process_trains_as_without_accelerate(client: Client, service: FakeService, alone: Any) -> None:
    for trial in leases(alone, lambda: client.study("s"), anneals=True, resumable=True):
        with trial:
            trial.report(1, torch.tensor([0.5], requires_grad=True), checkpoint="file:///a")
        assert trial.outcome == "complete, 0.5"
    assert [body["state"] for body in service.bodies("/result")] == ["complete", "complete"]
    asks = [body for _, path, body in service.calls if path.endswith("/trials")]
    assert all(body["anneals"] and body["resumable"] for body in asks)


def test_a_verdict_ends_the_block_quietly(client: Client, service: FakeService, alone: Any) -> None:
    service.verdict = {"verdict": "stop", "reason": "pruned"}
    trial = next(leases(alone, lambda: client.study("s")))
    with trial:
        with pytest.raises(TrialStopped) as stopped:
            trial.report(1, math.nan)
        with pytest.raises(TrialStopped):
            trial.check()
        raise stopped.value
    assert service.bodies("/result")[0]["state"] == "pruned"


def test_a_lost_lease_ends_the_block_quietly(client: Client, service: FakeService, alone: Any) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    trial = next(leases(alone, lambda: client.study("s")))
    with trial:
        trial.report(1, 0.5)
        pytest.fail("the lease is gone")
    assert trial.outcome == "lease lost"


def test_an_error_of_the_training_fails_the_trial_and_goes_on(client: Client, service: FakeService, alone: Any) -> None:
    trial = next(leases(alone, lambda: client.study("s")))
    with pytest.raises(ZeroDivisionError), trial:
        _ = 1 / 0
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_trial_that_nobody_opens_is_given_back(client: Client, service: FakeService, alone: Any) -> None:
    trials = leases(alone, lambda: client.study("s"))
    next(trials)
    with pytest.raises(TrialNotOpen):
        next(trials)
    assert len(service.bodies("/release")) == 1


def test_a_loss_that_is_several_numbers_is_refused(client: Client, alone: Any) -> None:
    trial = next(leases(alone, lambda: client.study("s")))
    with trial:
        with pytest.raises(InvalidReport, match="must be one number"):
            trial.report(1, torch.ones(2))
        trial.complete(0.5)


def test_a_study_without_a_length_is_warned_of_once(address: str, alone: Any) -> None:
    with Client(address) as client:
        study = client.create_study("no-length", max_trials=2)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", LrtuneWarning)
            for trial in leases(alone, lambda: study):
                with trial:
                    trial.report(1, 0.5)
    assert len([one for one in warned if "max_steps" in str(one.message)]) == 1
