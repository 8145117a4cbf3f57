"""A process that is one of several, and leases trials as if it were alone."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from lrtune import Client, LeasedTrial, LrtuneWarning, task
from lrtune.distributed import leases, run
from lrtune.trainers.distributed.model_ranks import OneProcess
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.training.together import check_together
from tests.fake_service import FakeService


def test_a_rank_that_leases_trials_of_its_own_is_told_of_the_other_way(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.warns(LrtuneWarning, match=r"this process is rank 1 of 2, .* lrtune\.distributed\.leases"):
        next(client.study("s").leases()).release()


@pytest.mark.parametrize("variables", [{}, {"RANK": "0", "WORLD_SIZE": "1"}, {"WORLD_SIZE": "2"}])
def test_a_process_alone_is_not(client: Client, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LrtuneWarning)
        next(client.study("s").leases()).release()


def test_one_process_has_the_studys_own_trials(client: Client, service: FakeService) -> None:
    for trial in leases(lambda: client.study("s"), resumable=True, keep_checkpoints=True):
        assert isinstance(trial, LeasedTrial)
        assert trial.keep_checkpoints
        with trial:
            trial.report(1, 0.5)
    assert [body["state"] for body in service.bodies("/result")] == ["complete", "complete"]


def test_one_process_runs_a_task_as_a_worker_does(client: Client, service: FakeService) -> None:
    @task(anneals=True)
    def train(trial: LeasedTrial) -> float:
        return 0.25

    run(lambda: client.study("s"), train)
    assert [body["value"] for body in service.bodies("/result")] == [0.25, 0.25]
    assert service.bodies("/trials")[0]["anneals"]


def test_a_model_of_one_process_is_no_model_for_a_trial_that_ranks_share() -> None:
    shared: Any = SimpleNamespace(ranks=2, number=7)
    with pytest.raises(TrainingError, match=r"trial 7 is shared by 2 ranks.* DistributedDataParallel"):
        check_together(OneProcess(), shared, {})


def test_a_trial_of_one_process_is_none_for_a_model_that_ranks_share() -> None:
    several: Any = SimpleNamespace(count=2, check_same=lambda settings: None)
    with pytest.raises(TrainingError, match=r"trial 7 is leased to 1: take it from lrtune\.distributed\.leases"):
        check_together(several, SimpleNamespace(number=7), {})  # type: ignore[arg-type]
