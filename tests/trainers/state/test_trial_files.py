"""Checkpoints of trials that are over go, others stay; with the service's own engine."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

import torch

from lrtune import Client, LeasedTrial, StudyHandle, TrialStopped
from lrtune.trainers.client.standing import Standing
from lrtune.trainers.errors import ServiceUnreachable
from lrtune.trainers.state import checkpoints
from lrtune.trainers.state.places.addresses import path_of
from lrtune.trainers.state.trial_files import MOST_LOOKS, TrialFiles, sweep
from lrtune.trainers.training.fit import fit


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(f"local:{tmp_path}/lrtune.db", retry_seconds=5) as opened:
        yield opened


@pytest.fixture
def study(client: Client) -> StudyHandle:
    return client.create_study("s", max_trials=9, max_steps=3, max_attempts=2, pruner="none")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def write(trial: LeasedTrial, folder: Path, steps: int = 2, **how: Any) -> TrialFiles:
    """As a training does, up to so many steps."""
    files = TrialFiles(trial, folder, **how)
    for step in range(1, steps + 1):
        checkpoints.save(folder, files.prefix, step, {"model": {}})
    trial.checkpoint(str(folder), steps)
    return files


def train(study: StudyHandle, folder: Path, value: float, steps: int = 2, **how: Any) -> int:
    """A whole training; the trial's number."""
    trial = lease(study)
    with trial:
        write(trial, folder, steps, **how)
        trial.report(1, value)
    return trial.number


def lease(study: StudyHandle, **how: Any) -> LeasedTrial:
    return next(study.leases(**how))


def broken_off(trial: LeasedTrial, folder: Path, error: type[BaseException]) -> None:
    """A training that writes, and then ends so."""
    with trial:
        write(trial, folder)
        raise error


def left(folder: Path) -> list[tuple[int, int]]:
    """What lies there: trial and step."""
    found = [path.stem.split("-") for path in folder.glob("*trial-*")]
    return sorted((int(parts[parts.index("trial") + 1]), int(parts[-1])) for parts in found)


def test_the_best_trial_keeps_its_last_checkpoint_and_the_others_none(study: StudyHandle, folder: Path) -> None:
    first = train(study, folder, 0.5)
    assert left(folder) == [(first, 2)]
    train(study, folder, 0.7)
    assert left(folder) == [(first, 2)]
    better = train(study, folder, 0.3)
    assert left(folder) == [(better, 2)]


def test_the_best_of_a_study_that_maximizes_is_the_largest(client: Client, folder: Path) -> None:
    study = client.create_study("accuracies", direction="maximize", max_trials=3, max_steps=3)
    train(study, folder, 0.5)
    best = train(study, folder, 0.9)
    train(study, folder, 0.7)
    assert left(folder) == [(best, 2)]


def test_fit_leaves_the_weights_of_the_best_trial(study: StudyHandle, folder: Path) -> None:
    data, results = (torch.randn(16, 4), torch.randn(16, 1)), {}
    for _ in range(2):
        with lease(study) as trial:
            how = {"loss_function": torch.nn.MSELoss(), "trial": trial, "checkpoints": folder}
            results[trial.number] = fit(lambda: torch.nn.Linear(4, 1), data, **how)
    status = study.status()
    assert status.best is not None
    (path,) = folder.iterdir()
    assert checkpoints.load(path)["taken"] == results[status.best.trial].steps
    best = study.list()[status.best.trial]
    assert best.checkpoint is not None
    assert best.checkpoint.uri == path.as_uri()


@pytest.mark.parametrize("state", ["pruned", "diverged"])
def test_a_stopped_trial_leaves_nothing(study: StudyHandle, folder: Path, state: str) -> None:
    trial = lease(study)
    with trial:
        write(trial, folder)
        if state == "pruned":
            study.update(stopped=True)
            trial.report(1, 0.5)
        else:
            trial.report(1, float("nan"))
    assert study.list()[trial.number].state == state
    assert left(folder) == []


def test_a_failed_trial_leaves_nothing(study: StudyHandle, folder: Path) -> None:
    trial = lease(study)
    with pytest.raises(ZeroDivisionError):
        broken_off(trial, folder, ZeroDivisionError)
    assert study.list()[trial.number].state == "failed"
    assert left(folder) == []


def test_a_lost_attempt_keeps_its_checkpoints_until_the_last_one_is_lost(study: StudyHandle, folder: Path) -> None:
    for attempt, kept in ((1, 2), (2, 0)):
        trial = lease(study, resumable=True)
        with pytest.raises(SystemExit):
            broken_off(trial, folder, SystemExit)
        assert (trial.number, trial.attempt, len(left(folder))) == (0, attempt, kept)


def test_a_trial_that_was_given_back_keeps_its_checkpoints_until_it_is_over(
    client: Client, study: StudyHandle, folder: Path
) -> None:
    trial = lease(study, resumable=True)
    with pytest.raises(KeyboardInterrupt):
        broken_off(trial, folder, KeyboardInterrupt)
    assert left(folder) == [(0, 1), (0, 2)]
    with lease(client.study("s"), resumable=True) as again:
        write(again, folder, steps=3)
        assert left(folder) == [(0, 1), (0, 2), (0, 2), (0, 3)]
        again.report(3, 0.5)
    assert again.number == 0
    assert left(folder) == [(0, 3)]


def test_one_worker_cleans_while_another_trains(client: Client, study: StudyHandle, folder: Path) -> None:
    running = lease(study)
    with running:
        write(running, folder)
        other = client.study("s")
        train(other, folder, 0.5)
        train(other, folder, 0.4)
        assert [number for number, _ in left(folder) if number == running.number] == [running.number] * 2
        running.report(1, 0.9)
    assert running.number not in dict(left(folder))


def test_what_a_killed_worker_left_goes_when_the_next_one_comes(
    client: Client, study: StudyHandle, folder: Path
) -> None:
    best = train(study, folder, 0.1)
    with lease(study) as trial:
        trial.report(1, 0.5)
    files = TrialFiles(trial, folder)
    checkpoints.save(folder, files.prefix, 2, {"model": {}})
    (folder / f"{files.prefix}-step-3.99.partial").touch()
    train(study, folder, 0.6)
    assert len(list(folder.iterdir())) == 3
    with lease(client.study("s")) as next_one:
        TrialFiles(next_one, folder)
        assert left(folder) == [(best, 2)]
        next_one.report(1, 0.7)


def test_the_service_is_asked_of_no_more_than_so_many_trials_at_a_time(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = client.create_study("many", max_trials=MOST_LOOKS + 5, max_steps=3, pruner="none")
    trials = [next(client.study("many").leases()) for _ in range(MOST_LOOKS + 3)]
    for trial in trials:
        with trial:
            trial.report(1, 0.5)
        checkpoints.save(folder, f"trial-{trial.number}-{study._standing.key}-{'a' * 32}", 1, {"model": {}})
    asked: list[int] = []
    standing = study._standing
    monkeypatch.setattr(standing, "is_over", lambda number: asked.append(number) or True)
    sweep(standing, folder=folder, of_best=False)
    assert len(set(asked)) == len(asked) == MOST_LOOKS
    assert len(left(folder)) == 3
    sweep(standing, folder=folder, of_best=False)  # The rest goes with the next look.
    assert left(folder) == []


def test_a_copy_of_a_study_removes_nothing_of_its_original(
    client: Client, study: StudyHandle, folder: Path, tmp_path: Path
) -> None:
    running = lease(study, resumable=True)
    with running:
        write(running, folder)
        (tmp_path / "s.jsonl").write_bytes(b"".join(client.export_study("s")))
        with Client(f"local:{tmp_path}/other.db") as elsewhere:
            elsewhere.import_study(tmp_path / "s.jsonl")
            copied = elsewhere.study("s")
            assert copied.spec.created_at == study.spec.created_at
            while (number := train(copied, folder, 0.5)) < 1:
                pass
            assert number == 1
        assert left(folder)[:2] == [(0, 1), (0, 2)]
        running.report(1, 0.5)


def test_an_older_service_which_gives_no_id_is_told_apart_by_name_and_time(study: StudyHandle) -> None:
    old = study.spec.model_copy(update={"id": None})
    again = old.model_copy(update={"created_at": old.created_at + timedelta(seconds=1)})
    keys = [Standing(study._connection, spec).key for spec in (old, old, again, study.spec)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_search_that_pauses_and_promotes_loses_no_checkpoint_and_leaves_one(client: Client, folder: Path) -> None:
    space = {"learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}}
    space["momentum"] = {"type": "float", "low": 0.0, "high": 0.9}
    study = client.create_study("paused", search_space=space, max_total_steps=90, max_steps=9)
    paused: list[int] = []
    for trial in study.leases(resumable=True):
        with trial:
            files = TrialFiles(trial, folder)
            if trial.resume is not None:
                assert path_of(trial.resume.uri).exists()
            for step in range(trial.resume.step + 1 if trial.resume else 1, 10):
                uri = checkpoints.save(folder, files.prefix, step, {"model": {}})
                trial.report(step, trial.params["learning_rate"] + 1 / step, checkpoint=uri)
        if "paused" in (trial.outcome or "").lower():
            paused.append(trial.number)
    best = study.status().best
    waiting = {trial.number for trial in study.list(state="waiting")}
    assert len(paused) > 2
    assert best is not None
    assert {number for number, _ in left(folder)} == {best.trial} | waiting


def test_what_ended_while_nobody_looked_goes_when_the_study_has_nothing_left(client: Client, folder: Path) -> None:
    study = client.create_study("two", max_trials=2, max_steps=3)
    train(study, folder, 0.1)
    with lease(client.study("two")) as trial:
        trial.report(1, 0.5)
    checkpoints.save(folder, TrialFiles(trial, folder).prefix, 1, {"model": {}})
    assert left(folder) == [(0, 2), (1, 1)]
    assert list(study.leases()) == []
    assert left(folder) == [(0, 2)]


def test_of_best_false_keeps_not_even_the_best_ones(study: StudyHandle, folder: Path) -> None:
    train(study, folder, 0.5, of_best=False)
    assert left(folder) == []


def test_all_are_kept_where_the_training_says_so(study: StudyHandle, folder: Path) -> None:
    first, second = (train(study, folder, value, keep=True) for value in (0.5, 0.6))
    third = train(study, folder, 0.4)  # Who was not told to keep them leaves those of others alone.
    assert left(folder) == [(first, 1), (first, 2), (second, 1), (second, 2), (third, 2)]


def test_all_are_kept_where_the_lease_says_so(study: StudyHandle, folder: Path) -> None:
    trial = lease(study, keep_checkpoints=True)
    with trial:
        write(trial, folder)
        trial.report(1, float("nan"))
    assert len(left(folder)) == 2


def test_files_of_others_stay(client: Client, study: StudyHandle, folder: Path) -> None:
    folder.mkdir()
    mine = [folder / name for name in ("trial-0-step-1.pt", "fit-step-3.pt", "notes.txt")]
    for path in mine:
        path.touch()
    mine.append(path_of(checkpoints.save(folder, "trial-0-0000000000000000-" + "a" * 32, 1, {"model": {}})))
    trial = lease(study)
    with trial:
        write(trial, folder)
        trial.report(1, 0.5, checkpoint=mine[0].as_uri())
    train(study, folder, 0.4)
    assert all(path.exists() for path in mine)


def test_a_study_of_the_same_name_that_comes_later_leaves_files_alone(
    client: Client, study: StudyHandle, folder: Path
) -> None:
    train(study, folder, 0.5)
    client.delete_study("s")
    train(client.create_study("s", max_trials=9, max_steps=3), folder, 0.6)
    assert left(folder) == [(0, 2), (0, 2)]


def test_a_training_does_not_fail_for_what_cannot_be_removed(
    study: StudyHandle, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise ServiceUnreachable("http://service", "refused")

    caplog.set_level("INFO")
    trial = lease(study)
    with trial:
        write(trial, folder)
        trial.report(1, 0.5)
        assert trial.standing is not None
        monkeypatch.setattr(trial.standing, "best", away)
    assert study.list()[trial.number].state == "complete"
    assert len(left(folder)) == 2
    assert f"checkpoints of ended trials stay in {folder} until the next worker looks" in caplog.text


def test_a_training_that_goes_on_after_its_verdict_leaves_nothing_either(study: StudyHandle, folder: Path) -> None:
    with lease(study) as trial:
        write(trial, folder)
        study.update(stopped=True)
        with pytest.raises(TrialStopped):
            trial.report(1, 0.5)
    assert study.list()[trial.number].state == "pruned"
    assert left(folder) == []
