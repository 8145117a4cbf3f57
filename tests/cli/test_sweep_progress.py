import io

from lrtune.service.cli.sweep_progress import SweepProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, seconds: list[float]) -> str:
    """A step at each time; the clock stands at 0 before."""
    now = 0.0
    progress = SweepProgress(stream, 3, 100, clock=lambda: now)
    on_step = progress.of_seed(2)
    for step, now in enumerate(seconds, 1):  # noqa: B007
        on_step(step, 1.2e-3, 2.29712)
    progress.end()
    return stream.getvalue()


def test_a_quick_test_says_nothing() -> None:
    assert run(Terminal(), [0.5, 1.0, 1.9]) == run(io.StringIO(), [0.5, 5.0, 9.9]) == ""


def test_a_terminal_shows_one_line_that_is_wiped_at_the_end() -> None:
    line = "range test 2 of 3, step {} of 100, rate 0.0012, loss 2.297"
    shown = run(Terminal(), [1.0, 2.1, 2.15, 3.0])
    assert shown == f"\r{line.format(2)}\r{line.format(4)}\r{' ' * len(line.format(4))}\r"


def test_elsewhere_there_is_a_line_every_thirty_seconds() -> None:
    shown = run(io.StringIO(), [1.0, 31.0, 45.0, 61.5])
    assert shown.splitlines() == [f"range test 2 of 3, step {step} of 100, rate 0.0012, loss 2.297" for step in (2, 4)]
