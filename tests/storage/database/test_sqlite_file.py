"""One writer for one file, by whatever name it is called; and no commit into a file that is not the one any more."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from lrtune.service.storage.database import sqlite_file
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import (
    StorageError,
    StorageUnavailable,
    StorageUnsuitable,
    StorageUrlInvalid,
    WriterBusy,
)
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.storage.sql.writing.statements import Op
from tests.faults.conftest import until
from tests.support.engines import add_trial, new_study


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def path(migrated_sqlite: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(migrated_sqlite, folder / "lrtune.db")
    return folder / "lrtune.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.close()


def database(opened: ExitStack, path: object) -> Database:
    made = Database(f"sqlite:///{path}")
    opened.callback(made.close)
    return made


def count(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as reader:
        found: int = reader.execute("SELECT count(*) FROM trials").fetchone()[0]
        return found


# One writer


def link(path: Path) -> Path:
    there = path.parent.parent / "elsewhere.db"
    there.symlink_to(path)
    return there


def linked_folder(path: Path) -> Path:
    there = path.parent.parent / "elsewhere"
    there.symlink_to(path.parent, target_is_directory=True)
    return there / path.name


def roundabout(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / "." / path.name


@pytest.mark.parametrize("other_name", [link, linked_folder, roundabout])
def test_a_file_has_one_writer_whatever_way_leads_to_it(
    opened: ExitStack, path: Path, other_name: Callable[[Path], Path]
) -> None:
    writer = database(opened, path)
    writer.acquire()
    other = database(opened, other_name(path))
    with pytest.raises(WriterBusy):
        other.acquire()
    writer.release()
    other.acquire()
    with pytest.raises(WriterBusy):
        writer.acquire()


def test_a_file_with_a_second_name_is_refused_until_it_has_one(opened: ExitStack, path: Path) -> None:
    second = path.with_name("second.db")
    os.link(path, second)
    for name in (path, second):
        with pytest.raises(StorageUnsuitable, match=r"2 names \(hard links\).*remove"):
            database(opened, name).acquire()
        with pytest.raises(StorageUnsuitable, match="hard links"):
            check_can_open(f"sqlite:///{name}")
    assert not Path(f"{second}-wal").exists()
    second.unlink()
    database(opened, path).acquire()


def test_a_file_that_is_mounted_without_its_folder_is_refused(
    opened: ExitStack, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container's runtime mounts a single file. The table of mounts is the system's, in a copy."""
    mounts = path.with_name("mountinfo")
    mounts.write_text(f"36 35 98:0 /srv/lrtune.db {path} rw,noatime master:1 - ext4 /dev/root rw\n")
    monkeypatch.setattr(sqlite_file, "_MOUNTS", mounts)
    with pytest.raises(StorageUnsuitable, match="mount the folder"):
        check_can_open(f"sqlite:///{path}")
    mounts.write_text(f"36 35 98:0 /srv {path.parent} rw,noatime master:1 - ext4 /dev/root rw\n")
    database(opened, path).acquire()


@pytest.mark.parametrize("url", ["sqlite:///file:lrtune.db?uri=true", "sqlite:///file:lrtune.db", "sqlite:///x?uri=1"])
def test_a_name_that_hides_the_file_is_refused(url: str) -> None:
    with pytest.raises(StorageUrlInvalid, match="by its path"):
        Database(url)


def test_with_its_lock_file_removed_a_writer_commits_nothing_beside_the_next_one(opened: ExitStack, path: Path) -> None:
    writer = database(opened, path)
    writer.acquire()
    writer.probe()
    Path(f"{path}.lock").unlink()
    successor = database(opened, path)
    successor.acquire()
    successor.probe()
    with pytest.raises(StorageUnavailable, match=r"lock file .* was removed or replaced"):
        writer.probe()
    with pytest.raises(WriterBusy):
        writer.acquire()
    successor.probe()


def test_a_lock_file_that_is_removed_is_made_again_within_a_second_and_nothing_is_lost(
    engine: Engine, path: Path
) -> None:
    study = new_study(engine)
    add_trial(engine, study).wait()
    Path(f"{path}.lock").unlink()
    until(lambda: engine.activations == 2 and engine.state == "active", 5.0)
    assert Path(f"{path}.lock").exists()
    add_trial(engine, engine.load_name("s")).wait()
    assert count(path) == 2


# The file


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replace(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    copy.replace(path)


def move_folder(path: Path) -> None:
    """As where it is unmounted: an empty folder is left."""
    path.parent.rename(path.parent.with_name("unmounted"))
    path.parent.mkdir()


def second_name(path: Path) -> None:
    os.link(path, path.with_name("second.db"))


CHANGES = [remove, move, replace, move_folder, second_name]


@pytest.mark.parametrize("change", CHANGES)
def test_no_commit_is_acknowledged_once_the_file_is_not_the_one_that_was_opened(
    opened: ExitStack, path: Path, change: Callable[[Path], None]
) -> None:
    writer = database(opened, path)
    writer.acquire()
    writer.write([(Op.INSERT_STUDY, {"study_id": 1, "study_name": "before"})])
    change(path)
    with pytest.raises(StorageUnavailable, match=r"gone|taken the place|names"):
        writer.write([(Op.INSERT_STUDY, {"study_id": 2, "study_name": "after"})])
    with pytest.raises(StorageUnavailable):
        writer.acquire()


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_noticed_while_nothing_is_written_and_nothing_is_made_in_its_place(
    engine: Engine, path: Path, change: Callable[[Path], None]
) -> None:
    new_study(engine)
    change(path)
    there = path.exists()
    until(lambda: engine.state == "away", 2.0)
    assert str(path) in str(engine.failure)
    with pytest.raises(StorageError):
        engine.load_name("s")
    with pytest.raises(StorageUnavailable), engine.database.read():
        pass
    assert path.exists() is there


def test_what_was_acknowledged_is_in_the_file_that_was_moved(engine: Engine, path: Path) -> None:
    study = new_study(engine)
    for _ in range(5):
        add_trial(engine, study).wait()
    replace_with = path.with_name("empty.db")
    shutil.copyfile(path, replace_with)
    path.rename(path.with_name("moved.db"))
    replace_with.rename(path)
    until(lambda: engine.state == "away", 2.0)
    moved = path.with_name("alone") / "moved.db"
    moved.parent.mkdir()
    path.with_name("moved.db").rename(moved)
    assert count(moved) == 5
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "no log of another file is read into it"


def test_it_goes_on_by_itself_when_the_file_is_back(engine: Engine, path: Path) -> None:
    add_trial(engine, new_study(engine)).wait()
    move(path)
    until(lambda: engine.state == "away", 2.0)
    path.with_name("moved.db").rename(path)
    until(lambda: engine.state == "active")
    add_trial(engine, engine.load_name("s")).wait()
    assert count(path) == 2


def test_a_second_name_stops_it_until_it_is_removed(engine: Engine, path: Path) -> None:
    new_study(engine)
    second_name(path)
    until(lambda: engine.state == "away", 2.0)
    path.with_name("second.db").unlink()
    until(lambda: engine.state == "active")


def test_a_log_that_is_removed_costs_nothing_that_was_acknowledged(engine: Engine, path: Path) -> None:
    study = new_study(engine)
    for _ in range(5):
        add_trial(engine, study).wait()
    Path(f"{path}-wal").unlink()
    until(lambda: engine.activations == 2 and engine.state == "active")
    add_trial(engine, engine.load_name("s")).wait()
    engine.close()
    assert count(path) == 6


def test_a_link_that_leads_elsewhere_is_noticed(path: Path) -> None:
    there = link(path)
    engine = open_engine(f"sqlite:///{there}")
    other = path.with_name("other.db")
    shutil.copyfile(path, other)
    there.unlink()
    there.symlink_to(other)
    until(lambda: engine.state == "away", 2.0)
    assert "restart" in str(engine.failure)
    engine.close()
