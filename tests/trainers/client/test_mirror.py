"""A study mirrored from outside, on the engine in this process."""

import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrtune import Client, LrtuneError, StudyHandle, TrialPaused, Verdict, tune
from lrtune.trainers.client.mirror import Mirror
from tests.embedded.conftest import known_engines
from tests.support.tracking import Notebook

__all__ = ["known_engines"]

pytestmark = pytest.mark.usefixtures("known_engines")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Client]:
    with Client(f"local:{tmp_path}/lrtune.db") as opened:
        yield opened


@pytest.fixture
def study(local: Client) -> StudyHandle:
    """Trials complete, diverged, failed and paused; and one that waits, which nobody has begun."""
    handle = local.create_study("s", max_trials=6, max_steps=3, pruner="none", metric="val_loss")
    leases = handle.leases("host:1")
    with next(leases) as trial:
        for step in (1, 2, 3):
            trial.report(step, 1.0 / step)
    with next(leases) as trial:
        trial.report(1, math.nan)
    with pytest.raises(ZeroDivisionError), next(leases) as trial:
        _ = 1 / 0
    with next(leases) as trial:
        trial.report(1, 0.5, checkpoint="file:///1")
        trial.report(2, 0.4)
        raise paused()
    return handle


def paused() -> TrialPaused:
    return TrialPaused(Verdict(verdict="pause", reason="paused", lease_ttl_seconds=60.0))


def mirrored(client: Client, book: Notebook, said: list[str] | None = None, **how: object) -> Mirror:
    say = (said if said is not None else []).append
    return Mirror(client, "s", book, say=say, sleep=how.pop("sleep", lambda _: None))  # type: ignore[arg-type]


def test_what_a_study_holds_becomes_runs_and_a_second_time_writes_nothing(local: Client, study: StudyHandle) -> None:
    local.enqueue("s", {"learning_rate": 0.1})
    book = Notebook()
    for _ in range(2):
        with mirrored(local, book) as mirror:
            mirror.all()
            assert mirror.written == 3
    assert sorted(notes.number for notes in book.runs.values()) == [0, 1, 2, 3]
    assert book.of(0).written == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert [[one and one.state for one in book.of(number).endings] for number in (0, 1, 2)] == [
        ["complete"],
        ["diverged"],
        ["failed"],
    ]
    assert len(book.of(1).written) == 1
    assert "ZeroDivisionError" in (book.of(2).endings[0].error or "")  # type: ignore[union-attr]
    assert book.of(3).written == [(1, 0.5), (2, 0.4)]
    assert set(book.of(3).endings) == {None}
    assert book.of(0).workers[0] == "host:1"
    assert book.suggestions[-1] == study.suggestion()


def test_a_trial_that_is_in_the_tracker_whole_is_not_read_again(local: Client, study: StudyHandle) -> None:
    book = Notebook()
    with mirrored(local, book) as mirror:
        mirror.all()
        opened = [len(book.of(number).attempts) for number in range(4)]
        mirror.all()
        assert [len(book.of(number).attempts) for number in range(4)] == [*opened[:3], opened[3] + 1]  # That one waits.


def test_an_attempt_that_went_back_takes_back_what_it_had_reported(local: Client, study: StudyHandle) -> None:
    book = Notebook()
    with mirrored(local, book) as mirror:
        mirror.all()
    with next(study.leases(resumable=True)) as trial:
        assert (trial.number, trial.resume and trial.resume.step) == (3, 1)
        trial.report(2, 0.3)
        trial.report(3, 0.2)
    with mirrored(local, book) as mirror:
        mirror.all()
    assert book.of(3).written == [(1, 0.5), (2, 0.3), (3, 0.2)]
    assert book.of(3).state == "complete"


def test_it_follows_what_happens_until_the_study_is_finished(local: Client, study: StudyHandle) -> None:
    book, seen = Notebook(), threading.Event()
    with mirrored(local, book) as mirror:
        thread = threading.Thread(target=lambda: mirror.follow(lambda _: seen.set()))
        thread.start()
        assert seen.wait(30)
        while leased := next(study.leases(), None):
            with leased as trial:
                for step in (1, 2, 3):
                    trial.report(step, 1.0 / step)
        thread.join(60)
        assert not thread.is_alive()
    there = {trial.number: trial.state for trial in study.list()}
    assert len(there) == 7  # Of those that do not count as failed there are six.
    assert {notes.number: notes.state for notes in book.runs.values()} == there
    assert [step for step, _ in book.of(5).written] == [1, 2, 3]


def test_what_a_worker_tracks_itself_is_left_to_it(local: Client, study: StudyHandle) -> None:
    book, said = Notebook(), list[str]()
    own = Notebook()
    own.runs = book.runs
    with study.tracking(own), next(study.leases(resumable=True)) as trial:
        trial.report(2, 0.3)
        while not any(notes.known.get(2) == 0.3 for notes in list(own.runs.values())):
            time.sleep(0.001)  # A thread writes it.
        with mirrored(local, book, said) as mirror:
            mirror.all()
    assert said == [f"notebook at desk: trial {trial.number} left to others (process {os.getpid()} writes it)"]
    with mirrored(local, book, said) as mirror:
        mirror.all()
    assert [step for step, _ in book.of(trial.number).written].count(2) == 1
    assert book.of(0).written == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_a_tracker_that_is_away_for_a_while_is_tried_again(local: Client, study: StudyHandle) -> None:
    slept: list[float] = []

    def away(_: str) -> None:
        if len(slept) < 3:
            raise ConnectionError("nothing answers there")

    book, said = Notebook(fault=away), list[str]()
    with mirrored(local, book, said, sleep=slept.append) as mirror:
        mirror.all()
    assert [line.partition(": ")[2] for line in said] == [
        "trial 0 cannot be written (nothing answers there); it is tried again, the training goes on",
        "written again",
    ]
    assert {notes.number for notes in book.runs.values()} == {0, 1, 2, 3}


def test_a_tracker_that_stays_away_ends_it_with_what_to_do(local: Client, study: StudyHandle) -> None:
    def away(_: str) -> None:
        raise ConnectionError("nothing answers there")

    slept: list[float] = []
    mirror = mirrored(local, Notebook(fault=away), sleep=slept.append)
    with mirror, pytest.raises(LrtuneError, match=r"4 trials could not be written .* the same command again"):
        mirror.all()
    assert 300 <= sum(slept) < 330


def test_a_study_that_is_deleted_meanwhile_ends_it(local: Client, study: StudyHandle) -> None:
    def deleted(_: int) -> None:
        if "s" in [one.name for one in local.studies()]:
            local.delete_study("s")

    with mirrored(local, Notebook()) as mirror, pytest.raises(LrtuneError, match="study s is gone: it was deleted"):
        mirror.follow(deleted)


def test_tune_takes_trackers(tmp_path: Path) -> None:
    book = Notebook()
    with tune(
        lambda trial: trial.params["learning_rate"],
        max_trials=4,
        storage=tmp_path / "tuned.db",
        progress=False,
        trackers=[book],
    ) as found:
        assert {notes.number: notes.state for notes in book.runs.values()} == dict.fromkeys(range(4), "complete")
        assert book.suggestions == [found.suggestion]
