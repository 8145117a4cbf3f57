import inspect
import re
from typing import Any

import pytest

from lrtune.service.sentences import beforehand, space, suggestion, words

WHOLE = re.compile(r"(\d|[A-Z]).*[.]$", re.DOTALL)

SAID = [
    suggestion.best(3, "loss", 0.31, finished=7, complete=6),
    suggestion.best(3, "loss", 0.31, finished=7, complete=6, trainings=2),
    suggestion.best(0, "loss", 0.31, finished=1, complete=1),
    suggestion.safest(3, "loss", 0.31, better=4, better_value=0.3),
    suggestion.own_rate(0.0031, 3, 0.0042),
    suggestion.near_best(0.001, 0.01),
    suggestion.setting({"optimizer": "adamw"}),
    suggestion.too_few(1, 4),
    suggestion.too_few(3, 4),
    suggestion.halfway(0.001, 0.01, open_ended=True),
    suggestion.alone(),
    suggestion.all_the_same(5, "loss", 0.7),
    suggestion.diverged(1, None),
    suggestion.diverged(3, 2.3),
    suggestion.rests_on("9 shorter trainings"),
    suggestion.unfinished(20, 0),
    suggestion.unfinished(20, 1),
    suggestion.leads(4, "loss", 0.5, 10, 0.003),
    suggestion.no_rate(),
    suggestion.near_values({"max_depth": (4, 6)}),
    suggestion.not_clear(["max_features"]),
    suggestion.widen("lr", upper=True, bound=1.0),
    suggestion.try_on(upper=True, last=0.03),
    suggestion.try_on(upper=False, last=0.03, maximized="accuracy"),
    suggestion.vague("lr"),
    suggestion.lower_bound("lr", 1e-5, 1e-6),
    suggestion.no_difference("lr", 12, 5.0),
    suggestion.train_with("lr=0.1"),
    suggestion.expect("0.31", "posterior"),
    beforehand.none_complete(),
    beforehand.none_complete(failed=12, under_way=1),
    beforehand.all_diverged(1, 1e-4),
    beforehand.all_diverged(6, 1e-4),
    beforehand.no_rate(),
    beforehand.tested(1, 0.02, 0.3),
    beforehand.tested(3, 0.02, None),
    beforehand.kept_stable(0.1),
    beforehand.below_diverged(0.1, 0.03),
    beforehand.halfway(0.01),
    beforehand.cut(0.1, 0.1, 1.0),
    beforehand.no_history("adamw", None, 5),
    beforehand.no_history(None, "cnn", 5),
    beforehand.no_history(None, None, 5),
    space.linear_scale("lr", 1e-5, 1.0, steps=False),
]


@pytest.mark.parametrize("said", SAID)
def test_everything_said_is_a_whole_sentence(said: str) -> None:
    assert WHOLE.match(said)
    assert "  " not in said


def test_runs_that_diverged_are_told_to_the_end_of_the_sentence() -> None:
    assert suggestion.diverged(3, 2.3) == "3 runs diverged; above about 2.3 training tends to diverge."
    assert suggestion.diverged(1, 2.3).startswith("1 run diverged; ")
    assert suggestion.diverged(0, None) == ""


def test_one_is_told_as_one() -> None:
    assert (
        suggestion.best(0, "loss", 0.3, finished=1, complete=1) == "Trial 0, the only complete one, has the loss 0.3."
    )
    assert suggestion.best(0, "loss", 0.3, finished=2, complete=2).endswith("of 2 finished trials.")
    assert suggestion.line("0.1", None, 1) == "suggested learning_rate=0.1 interval=[–] after 1 trial"


@pytest.mark.parametrize("value", [0.003149, 0.00315, 0.9999, 9.96e-4, 1.0, 2.5e-5, 7.04])
def test_the_ends_of_an_interval_are_told_outwards_of_what_lies_in_it(value: float) -> None:
    low, high = (float(end) for end in words.between(value, value))
    assert low <= value * (1 + 1e-9)
    assert high >= value * (1 - 1e-9)
    assert high / low <= 1.012


def test_the_best_trials_own_rate_is_told_where_it_reads_differently() -> None:
    assert "trial 3, used 0.0042" in suggestion.own_rate(0.0031, 3, 0.0042)
    assert suggestion.own_rate(0.0031, 3, 0.003101) == ""


def test_each_function_of_sentences_is_among_those_read_here() -> None:
    text = inspect.getsource(inspect.getmodule(test_everything_said_is_a_whole_sentence) or pytest)
    parts: dict[str, Any] = {"suggestion": suggestion, "beforehand": beforehand, "space": space}
    for name, module in parts.items():
        for function, made in inspect.getmembers(module, inspect.isfunction):
            if made.__module__ == module.__name__ and not function.startswith("_"):
                used_inside = function in ("number", "after", "line_without_rate")
                assert used_inside or f"{name}.{function}(" in text
