import io
import logging
from collections.abc import Sequence

import pytest

from lrtune.trainers.progress.screen import Screen, fit, is_terminal


class Terminal(io.StringIO):
    """What a terminal would show of what is written to it."""

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        lines, row, column = [""], 0, 0
        text = self.getvalue()
        at = 0
        while at < len(text):
            if text.startswith("\x1b[J", at):
                lines[row:] = [lines[row][:column]]
                at += 3
            elif text.startswith("\x1b[", at):
                up, _, _ = text[at + 2 :].partition("A")
                row, at = row - int(up), at + len(up) + 3
            else:
                if text[at] == "\n":
                    row, column = row + 1, 0
                    lines += [""] * (row + 1 - len(lines))
                elif text[at] == "\r":
                    column = 0
                else:
                    lines[row] = lines[row][:column].ljust(column) + text[at] + lines[row][column + 1 :]
                    column += 1
                at += 1
        return "\n".join(lines)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def screen_on(terminal: Terminal, width: int = 80) -> Screen:
    return Screen(terminal, width=lambda: width, every_seconds=None)


def test_prints_of_the_program_stand_above_the_lines_and_whole(terminal: Terminal) -> None:
    screen = screen_on(terminal)
    screen.add(lambda: ["trial 3: step 1 of 9"])
    screen.add(lambda: ["trial 4: step 2 of 9"])
    screen.draw()
    assert terminal.shown == "trial 3: step 1 of 9\ntrial 4: step 2 of 9"
    print("mine", file=terminal)
    screen.draw()
    assert terminal.shown == "mine\ntrial 3: step 1 of 9\ntrial 4: step 2 of 9"


def test_a_handler_of_logging_that_held_the_stream_before_is_heard_too(terminal: Terminal) -> None:
    handler = logging.StreamHandler(terminal)
    screen = screen_on(terminal)
    screen.add(lambda: ["a long line that would be left standing"])
    screen.draw()
    handler.emit(logging.LogRecord("mine", logging.INFO, "", 0, "short", (), None))
    assert terminal.shown == "short\n"


def test_half_a_line_of_the_programs_is_left_alone_until_it_ends(terminal: Terminal) -> None:
    screen = screen_on(terminal)
    screen.add(lambda: ["trial 3"])
    terminal.write("epoch 1 ...")
    screen.draw()
    assert terminal.shown == "epoch 1 ..."
    terminal.write(" done\n")
    screen.draw()
    assert terminal.shown == "epoch 1 ... done\ntrial 3"


def test_nothing_is_left_of_a_line_that_is_dropped_and_the_stream_is_as_it_was(terminal: Terminal) -> None:
    screen = screen_on(terminal)

    def line() -> Sequence[str]:
        return ["trial 3"]

    screen.add(line)
    screen.draw()
    assert "write" in vars(terminal)
    screen.drop(line)
    assert terminal.shown == ""
    assert "write" not in vars(terminal)


@pytest.mark.parametrize("width", [1, 10, 40, 80])
def test_no_line_is_wider_than_the_terminal(terminal: Terminal, width: int) -> None:
    screen = screen_on(terminal, width)
    screen.add(lambda: ["trial 3: step 120 of 1000", "loss 0.1234", "学習率 0.1", "0:21 left"])
    screen.draw()
    assert len(terminal.shown) < width or width == 1


def test_what_matters_most_is_kept_at_width_40() -> None:
    assert (
        fit(["trial 3: step 120 of 1000", "loss 0.1234", "0:21 left"], 39) == "trial 3: step 120 of 1000, loss 0.1234"
    )
    assert fit(["two\nlines"], 39) == "two lines"


def test_a_pipe_and_a_dumb_terminal_are_no_screens(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert is_terminal(terminal)
    assert not is_terminal(io.StringIO())
    assert not is_terminal(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(terminal)


def test_no_colour_is_used(terminal: Terminal) -> None:
    screen = screen_on(terminal)
    screen.add(lambda: ["trial 3"])
    screen.draw()
    assert "m" not in terminal.getvalue()
