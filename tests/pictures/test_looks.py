"""Colours that stand out on both pages, and looks that nobody needs colours to tell apart."""

from itertools import combinations

import pytest

from lrtune.service.pictures.looks import COLORS, RAMP, SERIES, color_of, mark_of, rgb, shade
from lrtune.service.sentences.pictures import STATES

LIGHT, DARK = "#ffffff", "#1b212a"


def luminance(color: str) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", sorted({*COLORS.values(), *SERIES, *RAMP, *(shade(n / 20) for n in range(21))}))
def test_every_colour_stands_out_on_white_and_on_the_dark_page(color: str) -> None:
    assert contrast(color, LIGHT) >= 3
    assert contrast(color, DARK) >= 3


def test_states_are_told_apart_without_colours() -> None:
    for one, other in combinations(STATES, 2):
        first, second = mark_of(one), mark_of(other)
        assert (first.shape, first.hollow) != (second.shape, second.hollow), f"{one} and {other}"


def test_roles_and_series_have_colours() -> None:
    assert color_of("series 9") == SERIES[1]
    assert color_of("nobody knows it") == COLORS["plain"]
    assert (shade(-1.0), shade(2.0)) == (RAMP[0], RAMP[-1])
