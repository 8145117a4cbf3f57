"""Where `lrtune study export -o` may write to: a link, a file with a mode of its own, a pipe, what has no room."""

import os
import stat
import threading
from pathlib import Path

import pytest
import typer

from lrtune.service.cli.commands.study.exporting.target import target


def _write(path: Path, text: bytes = b"new") -> None:
    with target(path) as to:
        to.write(text)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real", tmp_path / "link"
    link.symlink_to("elsewhere/real")
    for before in (None, b"old"):
        if before is not None:
            real.write_bytes(before)
        _write(link)
        assert link.is_symlink()
        assert real.read_bytes() == b"new"
    assert [path.name for path in real.parent.iterdir()] == ["real"]


def test_a_link_that_leads_nowhere_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(typer.Exit):
        _write(link)
    assert f"{link} cannot be written (Too many levels" in capsys.readouterr().err
    assert link.is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_keeps_its_mode_from_the_first_byte_on(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    with target(path) as to:
        assert stat.S_IMODE(os.fstat(to.fileno()).st_mode) == mode
        to.write(b"new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    _write(pipe)
    if not pipe.is_fifo():
        pytest.fail("the pipe was replaced")  # And its reader waits for ever.
    reader.join(10)
    assert read == [b"new"]
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_device_without_room_is_named_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device = tmp_path / "full"
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 7))
        device.open("wb").close()
    except OSError:
        pytest.skip("devices cannot be made here")
    with pytest.raises(typer.Exit):
        _write(device)
    assert f"{device} cannot be written (No space left on device)" in capsys.readouterr().err
    assert device.is_char_device()
