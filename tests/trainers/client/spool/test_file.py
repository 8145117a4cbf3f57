"""A trial's file: what is written is read in its order, by one owner at a time."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrtune.service.wire.trials import Checkpoint, Report, Result
from lrtune.trainers.client.spool.entries import Finished, Owner, Told, written
from lrtune.trainers.client.spool.file import Garbled, SpoolFile, SpoolFull
from lrtune.trainers.client.spool.folder import Spooling, spooling
from lrtune.trainers.errors import LrtuneError

OWNER = Owner(server="http://service", study="s", key="k", number=3, attempt=1, lease="token")
RESULT = Finished(body=Result(lease="token", state="complete", value=0.25))


def told(*steps: int) -> list[Told]:
    return [Told(report=Report(step=step, value=1 / step)) for step in steps]


def steps_of(reports: Sequence[Told]) -> list[int]:
    return [one.report.step for one in reports]


def test_reports_are_read_in_their_order_as_many_as_are_asked_for_and_the_end_comes_last(tmp_path: Path) -> None:
    file = SpoolFile.begin(Spooling(tmp_path / "spool"), OWNER)
    file.append(told(*range(1, 6)))
    file.append([RESULT])
    found, end, read_to = file.next(3)
    assert (steps_of(found), end) == ([1, 2, 3], None)
    assert steps_of(file.next(3)[0]) == [1, 2, 3], "until they are taken"
    file.taken(read_to)
    found, end, read_to = file.next(3)
    assert (steps_of(found), end) == ([4, 5], None)
    file.taken(read_to)
    assert file.next(3)[:2] == ([], RESULT)
    file.remove()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_file_holds_values_that_json_has_no_number_for_and_checkpoints(tmp_path: Path) -> None:
    file = SpoolFile.begin(Spooling(tmp_path), OWNER)
    kept = Told(report=Report(step=1, value=float("nan")), checkpoint=Checkpoint(uri="s3://é", step=1))
    file.append([kept])
    (found,), _, _ = file.next(9)
    assert repr(found.report.value) == "nan"
    assert found.checkpoint == kept.checkpoint
    file.close()


def test_nobody_but_its_user_may_read_it(tmp_path: Path) -> None:
    file = SpoolFile.begin(Spooling(tmp_path / "state" / "spool"), OWNER)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.close()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="set LRTUNE_SPOOL to one of your own"):
        SpoolFile.begin(Spooling(folder), OWNER)


def test_others_take_it_only_once_its_owner_has_left_it(tmp_path: Path) -> None:
    file = SpoolFile.begin(Spooling(tmp_path), OWNER)
    file.append(told(1))
    with pytest.raises(BlockingIOError):
        SpoolFile.take(file.path)
    file.close()
    taken = SpoolFile.take(file.path)
    assert taken.owner == OWNER
    assert steps_of(taken.next(9)[0]) == [1]
    taken.close()


def test_it_grows_to_its_bound_and_takes_the_end_beyond(tmp_path: Path) -> None:
    most = len(written(OWNER)) + len(written(told(1)[0]))
    file = SpoolFile.begin(Spooling(tmp_path, most), OWNER)
    file.append(told(1))
    with pytest.raises(SpoolFull):
        file.append(told(2))
    file.append([RESULT], beyond=True)
    assert steps_of(file.next(9)[0]) == [1]
    file.close()
    with pytest.raises(SpoolFull):
        SpoolFile.begin(Spooling(tmp_path / "none", 0), OWNER)
    assert not (tmp_path / "none").exists()


def test_a_disk_that_takes_half_a_line_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SpoolFile.begin(Spooling(tmp_path), OWNER)
    file.append(told(1))
    whole = file.path.read_bytes()
    real = os.pwrite

    def full(descriptor: int, content: bytes, at: int) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return real(descriptor, content[: len(content) - 10], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.append(told(2))
    monkeypatch.undo()
    assert file.path.read_bytes() == whole
    file.append(told(3))
    assert steps_of(file.next(9)[0]) == [1, 3]
    file.close()


@given(st.data())
def test_of_a_file_cut_or_flipped_anywhere_a_first_part_is_read_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "file.spool"
    content = bytearray(b"".join(map(written, [OWNER, *told(1, 2, 3), RESULT])))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        file = SpoolFile.take(path)
    except Garbled:
        assert at < len(written(OWNER))
        return
    found, _, read_to = file.next(9)
    file.taken(read_to)
    assert steps_of(found) == [1, 2, 3][: len(found)]
    assert file.next(9)[1] in ((None, RESULT) if len(found) == 3 else (None,))
    file.close()


@pytest.mark.parametrize("given", ["64 MB", "-1", "1e9", "٣"])
def test_a_size_that_is_none_is_refused_by_its_name(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_SPOOL_BYTES", given)
    with pytest.raises(LrtuneError, match="LRTUNE_SPOOL_BYTES must be a whole number of bytes"):
        spooling()


def test_the_folder_is_the_one_that_is_named_else_that_of_the_users_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert spooling().folder == tmp_path / "lrtune" / "spool"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spooling().folder == tmp_path / ".local" / "state" / "lrtune" / "spool"
    monkeypatch.setenv("LRTUNE_SPOOL", "~/here")
    assert spooling().folder == tmp_path / "here"
