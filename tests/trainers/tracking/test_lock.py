"""One process at a time writes a trial."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lrtune.trainers.private_folder import private_folder
from lrtune.trainers.tracking.lock import Lock, WrittenElsewhere
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import TrackedStudy
from tests.docs.pages import ROOT
from tests.support.tracking import Notebook, trial_of

HOLDER = """
import sys, time
from lrtune.trainers.tracking.lock import Lock
lock = Lock("place", "trial")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_second_lock_names_the_process_that_has_the_first_until_it_is_released() -> None:
    first = Lock("place", "trial")
    with pytest.raises(WrittenElsewhere, match=f"process {os.getpid()} writes it"):
        Lock("place", "trial")
    Lock("place", "another").release()
    Lock("elsewhere", "trial").release()
    first.release()
    Lock("place", "trial").release()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WrittenElsewhere, match=f"process {holder.pid} writes it"):
            Lock("place", "trial")
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)
        Lock("place", "trial").release()


def test_a_forked_child_does_not_hold_on_to_a_lock_that_was_released() -> None:
    lock = Lock("place", "trial")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        os._exit(0)
    lock.release()
    Lock("place", "trial").release()
    os.write(write, b"!")
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    Lock("place", "trial").release()
    folder = private_folder("lrtune-tracking")
    precious = tmp_path / "precious"
    precious.write_text("data")
    lock = Lock("place", "trial")
    (name,) = folder.iterdir()
    lock.release()
    name.symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"):
        Lock("place", "trial")
    assert precious.read_text() == "data"


def test_a_run_is_locked_while_it_is_open_and_free_when_it_could_not_be_opened() -> None:
    book = Notebook()
    one, other = Runs(book), Runs(book)
    one.begin(trial_of(3))
    with pytest.raises(WrittenElsewhere):
        other.begin(trial_of(3))
    other.begin(trial_of(4))
    one.leave(trial_of(3))
    other.begin(trial_of(3))
    other.close()

    def broken(_: str) -> None:
        raise OSError("away")

    book.fault = broken
    with pytest.raises(OSError, match="away"):
        one.begin(trial_of(3))
    book.fault = lambda _: None
    other.begin(trial_of(3))
    other.close()


def test_trials_of_a_study_that_was_made_again_under_the_same_name_are_others() -> None:
    assert trial_of(3).key == trial_of(3, attempt=2, learning_rate=0.5).key
    assert len({trial_of(3).key, trial_of(4).key, trial_of(3, study="t").key}) == 3


def test_a_trial_is_of_the_study_with_its_id_whatever_that_is_called() -> None:
    began = trial_of(3).study.created_at
    one, copy, renamed = (
        replace(trial_of(3), study=TrackedStudy(name, began, id=identity)).key
        for name, identity in (("s", "a"), ("s", "b"), ("t", "a"))
    )
    assert one == renamed != copy
