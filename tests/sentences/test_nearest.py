"""`did you mean …?`"""

import time

import pytest

from lrtune.service.sentences.nearest import did_you_mean, nearest
from lrtune.service.wire.fields import TYPE_WORDS

TYPES = ("float", "int", "categorical")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("flaot", "float"),
        ("Float", "float"),
        ("integer", "int"),
        ("uniform", "float"),
        ("loguniform", "float"),
        ("log_uniform", "float"),
        ("choice", "categorical"),
        ("catagorical", "categorical"),
        ("xyz", None),
        ("", None),
        (None, None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(typed: object, meant: str | None) -> None:
    assert nearest(typed, TYPES, TYPE_WORDS) == meant
    assert did_you_mean(typed, TYPES, TYPE_WORDS) == ("" if meant is None else f"did you mean {meant!r}? ")


def test_other_words_mean_types_that_there_are() -> None:
    assert set(TYPE_WORDS.values()) == set(TYPES)


def test_a_name_keeps_its_own_spelling() -> None:
    assert nearest("CIFAR-10", ["Cifar-10"]) == "Cifar-10"


def test_what_is_very_long_is_looked_at_as_far_as_names_go() -> None:
    began = time.process_time()
    assert nearest("x" * 1_000_000, TYPES) is None
    assert time.process_time() - began < 5
