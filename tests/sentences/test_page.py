"""What is said of odd studies: in whole sentences, in agreement with itself and with what was measured."""

import re
from collections.abc import Sequence

import pytest

from tests.docs.walk_through import words
from tests.sentences.odd_studies import CHANCE, STUDIES, OddStudy, Run
from tests.sentences.page import PAGE, Told, all_told, written

BY_NAME = {study.name: study for study in STUDIES}
_SENTENCE = re.compile(r"[A-Z].*[.!?]\Z", re.DOTALL)
_FAR_WORSE = 3.0


def _ended(study: OddStudy) -> Sequence[Run]:
    return [run for run in study.runs if run.end == "complete" and "learning_rate" in run.params]


@pytest.fixture(scope="module")
def told() -> dict[str, Told]:
    return all_told()


def test_there_are_thirty_odd_studies() -> None:
    assert len(STUDIES) >= 30
    assert len(BY_NAME) == len(STUDIES)


def test_the_page_says_what_is_said(told: dict[str, Told]) -> None:
    """`python -m tests.sentences.page` writes it anew."""
    assert words(PAGE.read_text()) == words(written(told))


@pytest.mark.parametrize("name", BY_NAME)
def test_explanations_and_warnings_are_whole_sentences(told: dict[str, Told], name: str) -> None:
    suggestion = told[name].suggestion
    for text in [suggestion.explanation, *suggestion.warnings]:
        assert _SENTENCE.match(text), text
        assert text.count("(") == text.count(")"), text
        assert not re.search(r"[;,:] *[.!?]|\.\.|  |\b1 (trials|runs|steps|reports)\b", text), text


@pytest.mark.parametrize("name", BY_NAME)
def test_the_suggested_rate_lies_in_its_interval_and_within_the_bounds(told: dict[str, Told], name: str) -> None:
    suggestion, space = told[name].suggestion, BY_NAME[name].space
    if "learning_rate" not in space:
        assert suggestion.learning_rate is None
        assert suggestion.interval is None
        return
    assert suggestion.learning_rate is not None
    assert suggestion.interval is not None
    low, high = suggestion.interval
    bounds = space["learning_rate"]
    assert bounds["low"] <= low <= suggestion.learning_rate <= high <= bounds["high"]
    assert suggestion.params["learning_rate"] == suggestion.learning_rate


@pytest.mark.parametrize("name", [study.name for study in STUDIES if len(_ended(study)) >= 5])
def test_no_rate_measured_far_worse_than_the_best_lies_in_the_interval(told: dict[str, Told], name: str) -> None:
    suggestion, ended = told[name].suggestion, _ended(BY_NAME[name])
    ended = [run for run in ended if run.params.get("optimizer") == suggestion.params.get("optimizer")]
    interval = suggestion.interval
    losses = [run.values[-1] for run in ended]
    if interval is None or min(losses) <= 0 or BY_NAME[name].spec.get("direction") == "maximize":
        return
    far = [run.params["learning_rate"] for run in ended if run.values[-1] >= _FAR_WORSE * min(losses)]
    assert not [rate for rate in far if interval[0] <= rate <= interval[1]]


@pytest.mark.parametrize("name", BY_NAME)
def test_no_training_that_learned_nothing_is_good_where_another_learned(told: dict[str, Told], name: str) -> None:
    ended = _ended(BY_NAME[name])
    if not ended or min(run.values[-1] for run in ended) > CHANCE / 3:
        return
    for number, found in told[name].diagnoses.items():
        run = BY_NAME[name].runs[number]
        if run in ended and CHANCE * 0.9 < run.values[-1] <= CHANCE:
            assert found.verdict != "good", (number, found)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_verdict_is_on_the_side_of_the_suggestion_on_which_the_rate_lies(told: dict[str, Told], name: str) -> None:
    suggestion = told[name].suggestion
    if suggestion.interval is None or suggestion.basis != "posterior" or len(BY_NAME[name].space) > 1:
        return
    for number, found in told[name].diagnoses.items():
        rate = BY_NAME[name].runs[number].params["learning_rate"]
        if rate < suggestion.interval[0]:
            assert found.verdict != "too_high", (number, found)
        if rate > suggestion.interval[1]:
            assert found.verdict != "too_low", (number, found)
