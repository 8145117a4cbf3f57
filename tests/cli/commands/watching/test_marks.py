"""Curves, intervals and bars in a line of text."""

import math

import pytest
from rich.text import Text

from lrtune.service.cli.commands.study.watching.marks import (
    ASCII,
    BLOCKS,
    cut_at_word,
    interval_bar,
    progress_bar,
    sparkline,
)


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 5, ""),
        ([3.0], 5, "▁"),
        ([2.0, 2.0], 5, "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([1.0, math.nan, 0.0, math.inf], 4, "█×▁×"),
        ([math.nan, math.nan], 4, "××"),
        ([-1.7e308, 1.7e308], 2, "▁█"),
    ],
)
def test_a_curve_is_as_high_as_its_own_values_reach(values: list[float], width: int, drawn: str) -> None:
    assert sparkline(values, width, BLOCKS) == drawn


def test_a_long_curve_has_no_more_letters_than_there_is_room_for() -> None:
    assert len(sparkline([float(n) for n in range(1001)], 16, BLOCKS)) == 16


def test_a_rate_and_its_interval_lie_on_a_logarithmic_axis() -> None:
    assert interval_bar((1e-4, 1.0), (1e-3, 1e-1), 1e-2, 9, ASCII).plain == "--==O==--"
    assert interval_bar((1e-4, 1.0), None, 1e-2, 9, ASCII).plain == "----O----"
    assert interval_bar((1e-4, 1.0), (1e-9, 1e9), 1e-4, 5, ASCII).plain == "O===="  # Cut at the bounds.
    assert interval_bar((1e-4, 1.0), (1e-3, 1e-1), 1e-2, 9, ASCII, 2e-1).plain == "--==O==-x"
    assert interval_bar((1e-4, 1.0), None, 1e-2, 9, ASCII, 1.0).plain == "----O----"


def test_a_sentence_is_cut_at_a_word_and_a_long_word_anywhere() -> None:
    assert cut_at_word(Text("no GPU was found here"), 17, ASCII).plain == "no GPU was ..."
    assert cut_at_word(Text("x" * 30), 17, ASCII).plain == "x" * 14 + "..."
    assert cut_at_word(Text("short"), 17, ASCII).plain == "short"


@pytest.mark.parametrize(("done", "of", "bar"), [(0, 4, "...."), (3, 4, "###."), (99, 100, "###."), (9, 4, "####")])
def test_a_bar_is_full_only_where_all_is_done(done: int, of: int, bar: str) -> None:
    assert progress_bar(done, of, 4, ASCII).plain == bar
