"""A folder for one user alone, where anybody may write."""

import os
import stat
from pathlib import Path

import pytest

from lrtune import TrainingError
from lrtune.trainers.private_folder import private_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder belongs, and is not."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"lrtune-test-{os.getuid()}"


def test_it_is_made_for_its_user_alone(place: Path) -> None:
    assert private_folder("lrtune-test") == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert private_folder("lrtune-test") == place


def test_one_that_others_could_read_is_closed_to_them(place: Path) -> None:
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    private_folder("lrtune-test")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_one_that_others_could_write_is_refused(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(PermissionError) as refused:
        private_folder("lrtune-test")
    assert str(refused.value) == (
        f"{place} is not a folder that this user alone writes: remove it, or set TMPDIR to a folder of your own"
    )


def test_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="is not a folder that this user alone writes"):
        private_folder("lrtune-test")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a folder to another user")
def test_one_of_another_user_is_refused(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.chown(place, 12345, 12345)
    with pytest.raises(PermissionError, match="is not a folder that this user alone writes"):
        private_folder("lrtune-test")


def test_checkpoints_of_the_built_in_tasks_go_into_no_folder_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from lrtune.trainers.tasks.loop import FOLDER_VARIABLE, checkpoint_place

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    folder = tmp_path / f"lrtune-checkpoints-{os.getuid()}"
    assert str(checkpoint_place()) == str(folder)
    folder.chmod(0o777)
    with pytest.raises(TrainingError, match=r"remove it, or set TMPDIR .*, or LRTUNE_CHECKPOINTS to one"):
        checkpoint_place()
