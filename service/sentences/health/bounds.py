"""What is said of whether a bound is in the way."""

from collections.abc import Sequence

from lrtune.service.sentences.health.common import percent
from lrtune.service.sentences.words import rate

_MOST_NAMED = 4

AT_BOUND = "Is a bound in the way?"


def no_number() -> str:
    """Of a space of choices alone."""
    return "Nothing to measure: no number is searched, so there are no bounds."


def within_bounds(best: int, complete: int, names: Sequence[str]) -> str:
    """Where the best trials keep away from bounds."""
    of = f"one of {len(names)} numbers" if len(names) > _MOST_NAMED else " or ".join(names)
    return f"The best {best} of {complete} complete trials do not gather at a bound of {of}."


def at_bound(name: str, *, upper: bool, bound: float, share: float, best: int) -> str:
    """Where the best trials gather at a bound."""
    return (
        f"{percent(share)} of the best {best} trials have {name} within a tenth of its range of the "
        f"{_side(upper)} bound, {bound:.3g}"
    )


def better_there() -> str:
    """Where trials there are measurably better."""
    return "trials are better there than elsewhere"


def range_test_beyond(*, upper: bool, bound: float, seen: float) -> str:
    """What a range test says of a bound of the learning rate."""
    if upper:
        return f"A range test's loss still fell at {rate(seen)}, and the upper bound is {rate(bound)}"
    return f"A range test's loss rose from {rate(seen)} on, and the lower bound is {rate(bound)}"


def widen(flag: str) -> str:
    """How a bound is moved: in another study."""
    return f"Search further, in a new study: `lrtune study create NAME … {flag}`."


def _side(upper: bool) -> str:
    return "upper" if upper else "lower"
