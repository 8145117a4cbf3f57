"""Lengths of time, and times that are kept."""

import pytest

from lrtune.service.sentences.words import moment, span


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.001, "under 0.01 s"),
        (0.81, "0.81 s"),
        (45.2, "45 s"),
        (99.4, "99 s"),
        (720.0, "12 min"),
        (12_600.0, "3.5 h"),
        (345_600.0, "4 days"),
    ],
)
def test_a_length_of_time_is_told_in_one_unit(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_a_time_that_is_kept_is_told_as_a_date() -> None:
    assert moment(1_800_000_000.0) == "2027-01-15 08:00:00 UTC"
