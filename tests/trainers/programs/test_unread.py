"""Output of programs that nobody reads."""

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from lrtune.trainers.programs.calls import listening
from lrtune.trainers.programs.losses import ByJson
from lrtune.trainers.programs.program import Program
from lrtune.trainers.programs.reading import Reader
from lrtune.trainers.programs.shown import Shown
from tests.fake_service import FakeService
from tests.support.processes import until
from tests.trainers.programs.conftest import python, reported

MUCH = 300_000
"""Bytes; a pipe holds 65,536."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Its end to read from, and a stream to its other."""
    out, into = os.pipe()
    with os.fdopen(into, "w") as stream:
        yield out, stream
    os.close(out)


def read(descriptor: int) -> bytes:
    """What is in the pipe."""
    os.set_blocking(descriptor, False)
    found = b""
    while True:
        try:
            found += os.read(descriptor, 1 << 20)
        except BlockingIOError:
            return found


def test_what_a_full_pipe_cannot_take_is_counted_and_what_follows_is_written_once_it_can(
    pipe: tuple[int, TextIO],
) -> None:
    out, stream = pipe
    stream.write("before ")
    shown = Shown(stream)
    shown.write("x" * MUCH)
    there = read(out)
    assert there.startswith(b"before xxx")
    assert len(there) - len("before ") + shown.dropped == MUCH
    assert shown.dropped > 0
    shown.write("after")
    assert read(out) == b"after"


def test_a_slow_reader_gets_all_of_it(pipe: tuple[int, TextIO]) -> None:
    out, stream = pipe
    found = b""

    def take() -> None:
        nonlocal found
        while len(found) < MUCH:
            found += os.read(out, 1000)

    reader = threading.Thread(target=take, daemon=True)
    reader.start()
    shown = Shown(stream)
    shown.write("x" * MUCH)
    reader.join(20)
    assert (len(found), shown.dropped) == (MUCH, 0)


def test_a_reader_that_has_gone_wants_nothing() -> None:
    out, into = os.pipe()
    with os.fdopen(into, "w") as stream:
        shown = Shown(stream)
        os.close(out)
        shown.write("x")
        shown.write("y")
    assert shown.dropped == 0


def test_what_is_no_file_of_the_system_is_written_to() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    Shown(stream).write("ü")
    assert stream.buffer.getvalue() == b"\\xfc"  # type: ignore[attr-defined]


def test_a_program_goes_on_when_nobody_reads_and_it_is_said_once_how_much_was_not_shown(
    train: Callable[..., Program],
    service: FakeService,
    pipe: tuple[int, TextIO],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out, stream = pipe
    monkeypatch.setattr("sys.stdout", stream)
    lines = f"print('x' * {MUCH})\nprint('{{\"step\": 1, \"value\": 0.5}}')"
    train(*python(lines), quiet=False)
    assert reported(service) == [(1, 0.5)]
    (said,) = [message for message in caplog.messages if "not shown" in message]
    dropped = MUCH + len('\n{"step": 1, "value": 0.5}\n') - len(read(out))
    assert said.startswith(f"trial 0: {dropped} bytes that ")
    assert said.endswith(" printed are not shown, for nobody read them: read on, or say --quiet")
    assert [record.levelno for record in caplog.records if record.getMessage() == said] == [logging.WARNING]


def test_a_reader_that_stands_still_is_left_alone() -> None:
    held, released = threading.Event(), threading.Event()

    def stand(text: str) -> None:
        held.set()
        released.wait(60)

    out, into = os.pipe()
    with listening() as (listener, _), os.fdopen(out, "rb", 0) as output, os.fdopen(into, "wb", 0) as program:
        reader = Reader([(output, stand)], listener, find=ByJson("loss"), first_count=1, shift=0)
        program.write(b"line\n")
        assert held.wait(10)
        ended = threading.Event()
        threading.Thread(target=lambda: (reader.abandon(), ended.set()), daemon=True).start()
        assert ended.wait(20), "it waits for the thread that waits"
        released.set()
        until(lambda: not any(thread.name == "lrtune-program" for thread in threading.enumerate()))
