"""What TensorBoard shows of trials, by its own reader of event files."""

import logging
import math
import resource
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lrtune import Client
from lrtune.trainers.tracking.tracker import Ending
from tests.trainers.integrations.trackers.examples import BEGAN, SUGGESTION, points, trial, write

pytest.importorskip("tensorboard", reason="needs lrtune[tensorboard]: make frameworks")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from lrtune.tensorboard import Tracker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def read(folder: Path) -> Any:
    shown = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    shown.Reload()
    return shown


def curve(folder: Path, tag: str = "val_loss") -> list[tuple[int, float]]:
    return [(one.step, pytest.approx(one.value, nan_ok=True)) for one in read(folder).Scalars(tag)]


def text(folder: Path, tag: str) -> str:
    return bytes(read(folder).Tensors(tag)[-1].tensor_proto.string_val[0]).decode()


def test_a_trial_is_a_run_with_its_curve_its_parameters_and_its_end(folder: Path) -> None:
    ending = Ending("complete", 0.25, finished_at=BEGAN.timestamp() + 60)
    write(Tracker(folder), trial(7), {1: 0.5, 2: 0.3}, ending)
    run = folder / "s" / "trial-0007"
    assert curve(run) == [(1, 0.5), (2, 0.3)]
    assert curve(run, "final_val_loss") == [(2, 0.25)]
    shown = read(run)
    assert [one.wall_time for one in shown.Scalars("val_loss")] == [BEGAN.timestamp() + step for step in (1, 2)]
    kept = {tag: found.plugin_data.content for tag, found in shown.summary_metadata.items()}
    start = metadata.parse_session_start_info_plugin_data(kept[metadata.SESSION_START_INFO_TAG])
    assert {name: value.WhichOneof("kind") for name, value in start.hparams.items()} == {
        "learning_rate": "number_value",
        "optimizer": "string_value",
        "layers": "number_value",
    }
    assert start.hparams["learning_rate"].number_value == 0.0031
    assert start.start_time_secs == BEGAN.timestamp()
    end = metadata.parse_session_end_info_plugin_data(kept[metadata.SESSION_END_INFO_TAG])
    assert (end.status, end.end_time_secs) == (api_pb2.STATUS_SUCCESS, BEGAN.timestamp() + 60)
    assert text(run, "outcome") == "complete"
    assert "- lrtune.worker: host:1" in text(run, "trial")


def test_a_failed_trial_says_so_and_why(folder: Path) -> None:
    write(Tracker(folder), trial(), {1: 0.5}, Ending("failed", error="ValueError: no"))
    run = folder / "s" / "trial-0000"
    content = read(run).summary_metadata[metadata.SESSION_END_INFO_TAG].plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(content).status == api_pb2.STATUS_FAILURE
    assert text(run, "outcome") == "failed\n\nValueError: no"


def test_a_trial_that_goes_on_elsewhere_goes_on_in_its_folder(folder: Path) -> None:
    write(Tracker(folder), trial(), {1: 0.5, 2: 0.4}, None)
    write(Tracker(folder), trial(attempt=2), {3: 0.3}, Ending("complete", 0.3), resumed_at=2)
    assert [one.name for one in (folder / "s").iterdir() if one.is_dir()] == ["trial-0000"]
    assert curve(folder / "s" / "trial-0000") == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_what_came_after_the_checkpoint_is_not_shown_any_more(folder: Path) -> None:
    write(Tracker(folder), trial(), {1: 0.5, 2: 0.4, 3: 0.3})
    write(Tracker(folder), trial(attempt=2), {2: 0.7}, resumed_at=1)
    assert curve(folder / "s" / "trial-0000") == [(1, 0.5), (2, 0.7)]
    write(Tracker(folder), trial(attempt=3), {1: 0.1}, resumed_at=0)
    assert curve(folder / "s" / "trial-0000") == [(1, 0.1)]


def test_writing_it_all_again_changes_no_file(folder: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(one): one.read_bytes() for one in folder.rglob("*") if one.is_file()}

    values = {1: 0.1, 2: math.nan, 3: math.inf, 4: -math.inf}
    write(Tracker(folder), trial(), values, Ending("diverged", math.inf))
    Tracker(folder).suggested(trial().study, SUGGESTION)
    before = contents()
    write(Tracker(folder), trial(), values, Ending("diverged", math.inf))
    Tracker(folder).suggested(trial().study, SUGGESTION)
    assert contents() == before
    assert curve(folder / "s" / "trial-0000") == list(values.items())


def test_the_suggestion_is_a_text_of_the_study(folder: Path) -> None:
    tracker = Tracker(folder)
    tracker.suggested(trial().study, SUGGESTION)
    tracker.suggested(trial().study, SUGGESTION.model_copy(update={"explanation": "another", "trials": 9}))
    shown = read(folder / "s").Tensors("suggestion")
    assert [one.step for one in shown] == [7, 9]
    assert text(folder / "s", "suggestion") == "another"


def test_a_study_of_the_same_name_that_was_made_anew_has_a_folder_of_its_own(folder: Path) -> None:
    later = trial(created_at=BEGAN + timedelta(days=1))
    write(Tracker(folder), trial(), {1: 0.5})
    write(Tracker(folder), later, {1: 0.9})
    write(Tracker(folder), later, {2: 0.8})
    first, second = sorted(one for one in folder.iterdir() if one.is_dir())
    assert (first.name, second.name) == ("s", "s 2026-01-03T03.04.05.000000")
    assert curve(first / "trial-0000") == [(1, 0.5)]
    assert curve(second / "trial-0000") == [(1, 0.9), (2, 0.8)]


def test_names_that_are_no_folders_are_fitted(folder: Path) -> None:
    for name in ("../up", "a/b:c", "..", "ünï"):
        write(Tracker(folder), trial(study=name), {1: 0.5})
    made = sorted(one.name for one in folder.iterdir())
    assert made == ["_up", "a_b_c", "study", "ünï"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_full_disk_is_told_of_where_it_happens_and_nothing_is_lost_when_there_is_room(folder: Path) -> None:
    tracker = Tracker(folder)
    write(tracker, trial(), {1: 0.5})
    run = tracker.open(trial())
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, usual[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            run.report(points(dict.fromkeys(range(2, 100), 0.1)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    run.close()
    write(tracker, trial(), {1: 0.5} | dict.fromkeys(range(2, 100), 0.1))
    assert [step for step, _ in curve(folder / "s" / "trial-0000")] == list(range(1, 100))


def test_a_folder_that_cannot_be_written_ends_no_training(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    study = client.study("s")
    tracker = Tracker(tmp_path / "file" / "runs")
    with caplog.at_level(logging.WARNING, "lrtune"), study.tracking(tracker), next(study.leases()) as leased:
        leased.report(1, 0.5)
    assert leased.outcome == "complete, 0.5"
    assert "Not a directory" in caplog.text


def test_without_a_folder_it_is_that_of_torch_s_writer(tmp_path: Path) -> None:
    assert Tracker().place == str(tmp_path / "runs")
