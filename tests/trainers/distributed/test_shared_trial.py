"""What two ranks see of a trial that they share, on a real service."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrtune import Client
from tests.support.processes import Programs
from tests.trainers.distributed.conftest import Played

Play = Callable[[str], Played]

FREED_SECONDS = 20
"""Silence, grace and joining are seconds in the scenarios; the machine may be slow."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seen")


@pytest.fixture
def play(programs: Programs, address: str, folder: Path) -> Play:
    return lambda name: Played(programs, name, address, folder)


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as opened:
        yield opened


def test_all_ranks_train_the_same_trials_and_hear_the_same(play: Play, client: Client) -> None:
    first, other = play("trains").seen
    assert first["trials"] == other["trials"]
    assert len(first["trials"]) == 2
    whole, stopped = first["trials"]
    assert whole["outcome"] == "complete, 4"
    assert whole["last"] == 3
    assert whole["stop"] == [False, False, False]
    assert stopped["steps"] == [1, 2], "both end after the same step"
    assert stopped["outcome"].startswith("study_finished")
    assert [trial.state for trial in client.study("trains").list()] == ["complete", "pruned"]


def test_rank_0s_value_is_reported_or_the_mean_of_all(play: Play, client: Client, folder: Path) -> None:
    if not (folder / "trains-0.json").exists():
        play("trains").end()
    curve = [(report.step, report.value) for report in client.trial("trains", 0).curve]
    assert curve == [(1, 1.0), (2, 3.0), (3, 4.0)]


def test_one_rank_may_lag_behind_for_more_calls_than_are_kept(play: Play) -> None:
    assert [seen.get("calls") for seen in play("many_calls").seen] == [400, 400]


def test_an_error_of_rank_0_is_the_others_too_and_different_calls_are_told_of(play: Play, client: Client) -> None:
    first, other = play("errors").seen
    assert first["refused"] == other["refused"]
    assert first["refused"].startswith("InvalidRequest: uri: ")
    assert other["error"].startswith("RanksApart: rank 0 is at its should_stop, rank 1 at its check")
    assert first["error"].startswith("RankFailed: rank 1 failed: ")
    assert [trial.state for trial in client.study("errors").list()] == ["failed"]


def test_a_rank_that_fails_fails_the_trial_with_its_traceback_and_frees_the_other(play: Play, client: Client) -> None:
    first, other = play("fails").seen
    assert other["error"] == "ValueError: a bad batch"
    assert first["error"] == "RankFailed: rank 1 failed: ValueError: a bad batch"
    assert first["seconds"] < FREED_SECONDS
    (trial,) = client.study("fails").list()
    assert trial.state == "failed"
    assert trial.error.startswith("rank 1:\nTraceback")


def test_a_rank_that_is_killed_costs_an_attempt_and_frees_the_other(play: Play, client: Client) -> None:
    played = play("killed")
    assert played.end() == [0, -signal.SIGKILL]
    first, _ = played.seen
    assert first["error"].startswith("RankLost: rank 1 is lost")
    assert first["seconds"] < FREED_SECONDS
    (trial,) = client.study("killed").list()
    assert trial.state == "waiting"
    again = client.study("killed").ask(resumable=True)
    assert (again.attempt, again.resume.uri) == (2, "file:///one")
    again.release()


def test_a_rank_that_stands_in_a_step_when_another_has_died_is_ended_after_the_trial_is_given_back(
    play: Play,
    client: Client,
) -> None:
    assert play("stuck").end() == [1, -signal.SIGKILL]
    (trial,) = client.study("stuck").list()
    assert trial.state == "waiting"
    again = client.study("stuck").ask(resumable=True)
    assert (again.attempt, again.resume.uri) == (2, "file:///one")
    again.release()


def test_rank_0_that_is_killed_frees_the_others(play: Play) -> None:
    played = play("first_killed")
    assert played.end() == [-signal.SIGKILL, 0]
    _, other = played.seen
    assert other["error"].startswith("RankLost: rank 0 is lost")
    assert other["seconds"] < FREED_SECONDS


def test_a_lost_lease_ends_the_block_quietly_on_all(play: Play) -> None:
    for seen in play("lease_lost").seen:
        assert (seen["tried"], seen["outcome"]) == (2, "lease lost")
        assert "error" not in seen


def test_a_rank_that_is_told_to_end_ends_all_and_the_trial_keeps_the_checkpoint_of_its_last_report(
    play: Play, client: Client
) -> None:
    first, other = play("runs").seen
    assert first["error"] == other["error"] == "SystemExit: 143"
    assert first["steps"] == other["steps"] >= 3
    again = client.study("runs").ask(resumable=True)
    assert (again.attempt, again.resume.step) == (1, first["steps"])
    again.release()


def test_a_rank_that_does_not_come_is_named(play: Play) -> None:
    first, _ = play("absent").seen
    assert first["error"].startswith("LrtuneError: rank 1 of 2 did not come within 1 s: look into its log")
