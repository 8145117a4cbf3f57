"""What programs print, and which losses are found in it."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lrtune.trainers.errors import ProgramFailed
from lrtune.trainers.programs.program import Program
from tests.fake_service import STUDY, FakeService
from tests.trainers.programs.conftest import python, reported

Train = Callable[..., Program]
STEPS = r"(?P<step>\d+): (?P<value>\S+)"


@pytest.fixture(autouse=True)
def _of_any_length(service: FakeService) -> None:
    service.max_steps = None


def printing(text: str) -> list[str]:
    return python(f"import sys; sys.stdout.buffer.write({text.encode()!r})")


@pytest.mark.parametrize(
    ("text", "pattern", "points"),
    [
        pytest.param("1: 0.5\n2: 0.4\n", STEPS, [(1, 0.5), (2, 0.4)], id="steps and values"),
        pytest.param("loss 0.5\nother\nloss 0.4\n", r"loss (?P<value>\S+)", [(1, 0.5), (2, 0.4)], id="counted"),
        pytest.param("1: 0.5\n2: 0.4", STEPS, [(1, 0.5), (2, 0.4)], id="no newline at the end"),
        pytest.param("1: 0.5\r\n2: 0.4\r\n", STEPS, [(1, 0.5), (2, 0.4)], id="line ends of Windows"),
        pytest.param("1: 0,31\n2: 1,5e-3\n3: 1.234,5\n", STEPS, [(1, 0.31), (2, 0.0015), (3, 1234.5)], id="commas"),
        pytest.param("1: 1e-3,\n2: .5;\n3: 3.\n", STEPS, [(1, 0.001), (2, 0.5), (3, 3.0)], id="odd but numbers"),
        pytest.param("1: nan\n2: -Inf\n3: 1.#QNAN\n", STEPS, [(1, "nan"), (2, "-inf"), (3, "nan")], id="not finite"),
        pytest.param("1: three\n2: 0.4\n", STEPS, [(2, 0.4)], id="words in place of a number"),
        pytest.param("\x1b[32m1: 0.5\x1b[0m\n", STEPS, [(1, 0.5)], id="colours"),
        pytest.param("1: 0.9\r1: 0.7\r1: 0.5\n2: 0.4\n", STEPS, [(1, 0.5), (2, 0.4)], id="a bar that is overwritten"),
        pytest.param("\r1: 0.9\r1: 0.7\r2: 0.6\r2: 0.5", STEPS, [(1, 0.7), (2, 0.5)], id="a bar over all steps"),
        pytest.param("\rx 0.9\rx 0.7\nx 0.6\n", "x (?P<value>.+)", [(1, 0.7), (2, 0.6)], id="a bar without steps"),
        pytest.param("1: 0.5\n1: 0.4\n2: 0.3\n", STEPS, [(1, 0.5), (2, 0.3)], id="a step twice"),
        pytest.param(b"\xff\x00\x1e\x80\n1: 0.5\n" + bytes(range(256)), STEPS, [(1, 0.5)], id="binary"),
        pytest.param("x" * 3_000_000 + " 9: 0.1\n1: 0.5\n", STEPS, [(1, 0.5)], id="a very long line"),
    ],
)
def test_losses_are_found_by_a_pattern(
    train: Train, service: FakeService, tmp_path: Path, text: str | bytes, pattern: str, points: list[tuple[int, float]]
) -> None:
    output = tmp_path / "output"
    output.write_bytes(text if isinstance(text, bytes) else text.encode())
    train("cat", str(output), pattern=pattern)
    assert reported(service) == points
    assert service.bodies("/result")[0]["state"] == "complete"
    assert service.bodies("/result")[0]["value"] == points[-1][1]


@pytest.mark.parametrize(
    ("text", "metric", "points"),
    [
        ('{"step": 1, "value": 0.5}\n{"step": 2, "value": 0.4}\n', "loss", [(1, 0.5), (2, 0.4)]),
        ('{"epoch": 1, "loss": 0.5, "val_loss": 0.6}\n', "loss", [(1, 0.6)]),
        ('{"loss": 0.5}\n{"loss": NaN}\n{"loss": "0,25"}\n', "loss", [(1, 0.5), (2, "nan"), (3, 0.25)]),
        ('{"step": 1, "loss": 0.5}\n{"step": 2, "val_loss": 9}\n', "loss", [(1, 0.5)]),
        ('{"step": 1, "loss": 0.5}\n{"step": 2, "error": 0.1}\n', "error", [(2, 0.1)]),
        ('{"step": 1, "loss": 0.5}\n', "error in per cent", [(1, 0.5)]),
        ('{"step": 1.0, "value": 2}\n{"step": 2, "value": true}\n{"value": null}\n', "loss", [(1, 2.0)]),
        ('{broken\n{}\n[1, 2]\n{"a": {"step": 1}}\n{"step": 5, "value": 1e999}\n', "loss", [(5, "inf")]),
    ],
)
def test_losses_are_found_in_lines_of_json(
    train: Train,
    service: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    metric: str,
    points: list[tuple[int, float]],
) -> None:
    monkeypatch.setitem(STUDY, "metric", metric)
    train(*printing(text))
    assert reported(service) == points


def test_losses_are_found_on_standard_error_too(train: Train, service: FakeService) -> None:
    train(*python("import sys; sys.stderr.write('1: 0.5\\n')"), pattern=STEPS)
    assert reported(service) == [(1, 0.5)]


def test_a_program_that_counts_from_0_is_understood(train: Train, service: FakeService) -> None:
    train(*printing("0: 0.5\n1: 0.4\n"), pattern=STEPS, first_step=0)
    assert reported(service) == [(1, 0.5), (2, 0.4)]


def test_a_program_that_seems_to_count_from_0_is_told_of(
    train: Train, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.max_steps = 2
    train(*printing("0: 0.5\n1: 0.4\n"), pattern=STEPS)
    assert (
        "trial 0: steps 0 to 1 were printed of 2: say --first-step 0 where the program counts from 0" in caplog.messages
    )


def test_steps_are_counted_on_from_the_checkpoint(train: Train, service: FakeService) -> None:
    service.resume = {"uri": "file:///2", "step": 2}
    train(*printing("a 0.5\na 0.4\n"), pattern="a (?P<value>.+)", resumable=True)
    assert reported(service) == [(3, 0.5), (4, 0.4)]


def test_thousands_of_lines_a_second_are_reported_together_and_do_not_hold_the_program_up(
    train: Train, service: FakeService
) -> None:
    code = "for step in range(1, 20_001): print(f'{step}: {1 / step}')"
    began = time.monotonic()
    train(*python(code), pattern=STEPS)
    assert time.monotonic() - began < 20
    assert reported(service) == [(step, 1 / step) for step in range(1, 20_001)]
    assert len(service.bodies("/reports")) < 1_000


def test_a_loss_is_reported_before_the_program_goes_on(train: Train, service: FakeService, tmp_path: Path) -> None:
    """The program waits for a file that is there once its first loss has been reported."""
    sign = tmp_path / "reported"
    service.fault = lambda request: sign.touch() if request.url.path.endswith("/reports") else None
    code = (
        "import pathlib, time\nprint('1: 0.5')\n"
        f"while not pathlib.Path({str(sign)!r}).exists(): time.sleep(0.01)\nprint('2: 0.4')"
    )
    train(*python(code), pattern=STEPS)
    assert reported(service) == [(1, 0.5), (2, 0.4)]


def test_what_a_program_prints_is_seen_as_ever(
    train: Train, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sys; print('1: 0.5'); print('\\u00fc ready'); sys.stdout.flush(); sys.stderr.write('a warning')"
    train(*python(code), pattern=STEPS, quiet=False)
    printed = capsys.readouterr()
    assert printed.out == "1: 0.5\nü ready\n"
    assert printed.err == "a warning"


def test_a_program_that_prints_no_loss_fails_its_trial_with_its_last_lines(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match=r"gave no loss: .*last line: done") as told:
        train(*printing("training\nepoch 1: 0.5\ndone\n"), pattern=r"loss=(?P<value>\S+)")
    assert r"no line that it printed matches --pattern 'loss=(?P<value>\S+)', and did not" in str(told.value)
    (result,) = service.bodies("/result")
    assert result["state"] == "failed"
    assert result["error"].splitlines()[:3] == ["training", "epoch 1: 0.5", "done"]
    assert "Traceback" not in result["error"]


def test_the_message_without_a_pattern_shows_what_to_print(
    train: Train, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STUDY, "metric", "val_loss")
    with pytest.raises(ProgramFailed, match=r'it printed no line like \{"step": 3, "val_loss": 0.41\}'):
        train(*printing('{"step": 1, "loss": 0.5}\n'))


def test_steps_with_a_fraction_are_named(train: Train, service: FakeService) -> None:
    with pytest.raises(ProgramFailed, match=r"steps that are no whole numbers, like 0[.]5"):
        train(*printing('{"epoch": 0.5, "loss": 2.0}\n'))


def test_a_step_beyond_the_trial_is_named(train: Train, service: FakeService) -> None:
    service.max_steps = 3
    with pytest.raises(ProgramFailed, match="went on to step 4 of a trial of 3 steps"):
        train(*printing("1: 0.5\n4: 0.4\n"), pattern=STEPS)


def test_a_step_that_is_printed_twice_is_told_once(
    train: Train, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    train(*printing("1: 0.5\n1: 0.4\n1: 0.3\n"), pattern=STEPS)
    assert [record.message for record in caplog.records if "again" in record.message] == [
        "trial 0: step 1 was printed again with another loss, and the first counts: let one line a step have a loss"
    ]


@pytest.mark.parametrize(
    ("printed", "pattern", "written"),
    [
        ("1: 0.5\n2: *****\n3: None\n", STEPS, "None"),
        ('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": null}\n{"step": 3, "loss": null}\n', None, "null"),
    ],
)
def test_losses_that_are_no_numbers_are_told_with_one_of_them(
    train: Train,
    service: FakeService,
    caplog: pytest.LogCaptureFixture,
    printed: str,
    pattern: str | None,
    written: str,
) -> None:
    train(*printing(printed), pattern=pattern)
    assert [record.message for record in caplog.records if "no numbers" in record.message] == [
        f"trial 0: 2 of the losses that were printed are no numbers, '{written}' say, and were left out: "
        "print nan for a loss that is none"
    ]


def test_losses_of_which_none_is_a_number_are_named(train: Train, service: FakeService) -> None:
    with pytest.raises(
        ProgramFailed, match=r"printed losses that are no numbers, like '\*\*\*': print numbers, or nan"
    ):
        train(*printing("1: ***\n"), pattern=STEPS)


def test_a_loss_that_cannot_be_read_is_counted_as_a_step(train: Train, service: FakeService) -> None:
    train(*printing("loss 0.5\nloss None\nloss 0.3\n"), pattern=r"loss (?P<value>\S+)")
    points = [report for body in service.bodies("/reports") for report in body["reports"]]
    assert points == [{"step": 1, "value": 0.5}, {"step": 3, "value": 0.3}]


def test_a_nan_at_the_end_is_a_diverged_training(train: Train, service: FakeService) -> None:
    train(*printing("1: 0.5\n2: NaN\n"), pattern=STEPS)
    assert math.isnan(float(service.bodies("/result")[0]["value"]))
