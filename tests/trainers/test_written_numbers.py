import math

import pytest

from lrtune.trainers.written_numbers import read_written


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0.31", 0.31), ("0,31", 0.31), ("-0,5", -0.5), ("+3", 3.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 0.001)),
        *(("1,5E-3", 0.0015), ("0.31D-02", 0.0031), ("1.234,5", 1234.5), ("1,234.5", 1234.5), ("1.234.567", 1234567.0)),
        *(("1,234,567", 1234567.0), ("−0.5", -0.5), ("'0.5',", 0.5), ("(0.5)", 0.5), ("12%", 12.0), (" 7 ", 7.0)),
        *(("inf", math.inf), ("-Infinity", -math.inf), ("+INF", math.inf), ("1.#INF00", math.inf)),
    ],
)
def test_a_number_is_read_in_many_spellings(text: str, number: float) -> None:
    assert read_written(text) == number


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "NA", "nan(ind)", "1.#QNAN", "-1.#IND", "+nan"])
def test_what_is_not_a_number_has_as_many(text: str) -> None:
    read = read_written(text)
    assert read is not None
    assert math.isnan(read)


@pytest.mark.parametrize("text", ["", "-", "three", "0.5x", "1e", "0x10", "1_000", "1 000", "--1", "e5", "nanny", "١"])
def test_what_is_none_is_none(text: str) -> None:
    assert read_written(text) is None
