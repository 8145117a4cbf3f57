"""Expressions that try too many ways to match a line."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lrtune.trainers.errors import ProgramFailed
from lrtune.trainers.programs.losses import LONGEST_SEARCHED, ByPattern, Found, SlowPattern
from lrtune.trainers.programs.program import Program
from tests.fake_service import FakeService
from tests.trainers.programs.conftest import python, reported

SLOW = r"loss (?P<value>(\d|\d\d)+)$"
LINE = "loss " + "1" * 60 + "x"


def test_other_threads_go_on_while_an_expression_is_searched_for_and_it_is_given_up() -> None:
    beats: list[float] = []
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            beats.append(time.monotonic())

    heart = threading.Thread(target=beat)
    heart.start()
    began = time.monotonic()
    try:
        with pytest.raises(SlowPattern):
            ByPattern(SLOW)(LINE)
        ended = time.monotonic()
    finally:
        over.set()
        heart.join()
    assert sum(began < when < ended for when in beats) >= 5


@pytest.mark.parametrize("rest", ["", "; import time; time.sleep(60)"], ids=["ends", "goes on"])
@pytest.mark.timeout(60)
def test_a_slow_expression_fails_the_trial_and_is_named(
    train: Callable[..., Program], service: FakeService, rest: str
) -> None:
    lines = f"print('loss 5'); print({LINE!r}); print('loss 4'){rest}"
    began = time.monotonic()
    with pytest.raises(ProgramFailed) as failed:
        train(*python(lines), pattern=SLOW)
    assert time.monotonic() - began < 30
    said = str(failed.value)
    assert rf"printed a line that --pattern '{SLOW}' takes more than 1 s to search: write one that can match" in said
    assert "\n" not in said
    assert reported(service) == [(1, 5.0)]
    assert service.bodies("/result")[0]["state"] == "failed"


@pytest.mark.timeout(60)
def test_a_program_is_read_on_after_a_slow_expression_so_that_it_can_end_by_itself(
    train: Callable[..., Program], service: FakeService, tmp_path: Path
) -> None:
    lines = (
        "import signal, sys\n"
        f"def end(*_):\n    print('x' * 300_000)\n    open({str(tmp_path / 'sign')!r}, 'w').close(); sys.exit()\n"
        f"signal.signal(signal.SIGTERM, end)\nprint({LINE!r})\nsignal.pause()"
    )
    with pytest.raises(ProgramFailed):
        train(*python(lines), pattern=SLOW, grace_seconds=30.0)
    assert (tmp_path / "sign").exists()
    assert service.bodies("/result")[0]["state"] == "failed"


def test_of_a_long_line_the_beginning_is_searched() -> None:
    find = ByPattern(r"\bloss (?P<value>[\d.]+)")
    assert find("loss 0.5 " + "x" * 100_000) == Found(None, 0.5)
    assert find("x" * LONGEST_SEARCHED + " loss 0.5") is None


@pytest.mark.parametrize("pattern", [".*?loss.*?: (?P<value>[0-9.]+)$", r"(?P<value>\d+)\s*$", "a.*b.*(?P<value>c)"])
def test_usual_expressions_are_not_too_slow_for_the_longest_lines(pattern: str) -> None:
    for character in "ab ":
        assert ByPattern(pattern)(f"loss loss {character * 65_000}x") is None


def test_only_expressions_of_python_are_taken() -> None:
    with pytest.raises(Exception, match="is no regular expression"):
        ByPattern(r"(?P<value>\p{Nd}+)")
