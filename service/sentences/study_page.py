"""What the page of a study says beside what the service answers to programs."""

import re
from collections.abc import Sequence
from typing import Literal

from lrtune.service.sentences.words import count, span

Guess = Literal["usual", "past", "given"]

_BASES = {
    "prior": ("usual rates", "No training tells yet: this is what is usual."),
    "range_test": ("range test", "A range test of the model says so; no trial is complete yet."),
    "unfinished": ("unfinished trainings", "It rests on curves that have not ended, and may change."),
    "best_trial": ("best trial", "Too few trials for a fit: it follows the best one."),
    "posterior": ("fit of all trials", "A model of what came of each learning rate, fitted to all trials, says so."),
}
_GUESSES = {
    "usual": (*_BASES["prior"], "usual range"),
    "past": (
        "past studies",
        "No training here tells yet: this is what past studies found.",
        "in past studies",
    ),
    "given": ("the study's own prior", "No training tells yet: this is the prior that was given.", "of the prior"),
}
"""What a rate rests on that no training of the study tells of: in a word or two, in a sentence, and what its interval
is."""
_NO_RATE = ("best trial", "")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


def basis(name: str, *, has_rate: bool = True) -> tuple[str, str]:
    """What a suggestion rests on, in a word or two and in a sentence."""
    return _NO_RATE if name == "best_trial" and not has_rate else _BASES[name]


def guess(kind: Guess) -> tuple[str, str, str]:
    """As `basis`, of a rate that no training of the study tells of; and what its interval is."""
    return _GUESSES[kind]


def first_and_rest(text: str) -> tuple[str, str]:
    """The first sentence, and those behind it.

    >>> first_and_rest("The rate is 0.1. Trial 3 is best.")
    ('The rate is 0.1.', 'Trial 3 is best.')
    """
    first, *rest = _SENTENCE.split(text, maxsplit=1)
    return first, rest[0] if rest else ""


def left(seconds: float, trials: int) -> str:
    """`About 12 min left, at the pace of the last 20 trials.`."""
    told = f"About {span(seconds)}" if seconds >= 1 else "Less than 1 s"
    return f"{told} left, at the pace of the last {count(trials, 'trial')}."


def hung(silent: float, usual: float, *, reported: bool) -> str:
    """Of a training whose lease is renewed without a report."""
    what = "a report comes at least every" if reported else "whole trainings took up to"
    return f"no report for {span(silent)}, though its lease is renewed; {what} {span(usual)}"


def setting(choices: Sequence[object]) -> str:
    """For which choices an answer is meant: `with sgd`; empty where there is nothing to choose."""
    return f"with {', '.join(map(str, choices))}" if choices else ""
