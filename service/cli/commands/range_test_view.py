"""What `lrtune find` shows of a range test: for people, as JSON, as a picture."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrtune.service.cli.output import fail, print_table
from lrtune.service.sentences import range_test as say
from lrtune.service.wire.as_text import number

if TYPE_CHECKING:
    from lrtune.service.rates.range_test.analysis import RangeTestAnalysis
    from lrtune.trainers.range_test.result import RangeTest

WIDER_ABOVE, WIDER_BELOW = 100.0, 1000.0
"""By how much a test is widened. Below by more: a divergence needs two decades of rates before it."""


def draw(tested: "RangeTest", path: Path, title: str) -> None:
    """The curve, with the answers marked, as a PNG."""
    from lrtune.service.cli.pictures import save
    from lrtune.service.pictures.rate.range_test import range_test_picture

    found, ignored = tested.analysis, [one.ignored for one in tested.by_seed]
    picture = range_test_picture(
        tested.learning_rates, tested.losses, found, found.suggestions, ignored=ignored, title=title
    )
    try:
        save(picture, path)
    except OSError as error:
        fail(f"--plot {path} cannot be written: {error.strerror}")


def print_answer(
    tested: "RangeTest", title: str, *, plot: Path | None, study: str | None, made_elsewhere: bool = False
) -> None:
    """For people: the rules, the bounds, why, and the recommended rate in the last line."""
    found, rates = tested.analysis, tested.learning_rates
    lengths = ", ".join(str(len(curve)) for curve in tested.losses)
    length = f"{lengths} steps" if made_elsewhere else f"stopped after {lengths} of {len(rates)} steps"
    print(f"{title}: rates from {number(rates[0])} to {number(rates[-1])}, {length}")
    rows = [(name, number(rate), _seeds(tested, name)) for name, rate in found.suggestions.items()]
    print_table(("rule", "rate", "of each seed"), rows)
    if found.bounds is not None:
        print(f"usable from {number(found.bounds[0])} to {number(found.bounds[1])}{_divergence(found)}")
    if plot is not None:
        print(f"drawn into {plot}")
    if study is not None:
        print(f"kept with study {study}")
    print(found.reason)
    for line in _remedies(found, made_elsewhere=made_elsewhere):
        print(line)
    if found.recommended is None:
        print(say.nothing())
    else:
        print(f"recommended learning_rate={number(found.recommended)}")


def _remedies(found: "RangeTestAnalysis", *, made_elsewhere: bool) -> list[str]:
    """Each warning with what to type, or to do."""
    high, low = ("up to", "from") if made_elsewhere else ("with --high", "with --low")
    typed = []
    if found.still_falling_at is not None:
        typed.append(say.again(high, found.still_falling_at * WIDER_ABOVE))
    if found.rising_from is not None:
        typed.append(say.again(low, found.rising_from / WIDER_BELOW))
    return [f"{warning} {what}" for warning, what in zip(found.warnings, typed, strict=True)]


def _seeds(tested: "RangeTest", rule: str) -> str:
    return "  ".join(number(one.suggestions[rule]) for one in tested.by_seed)


def _divergence(found: "RangeTestAnalysis") -> str:
    return "" if found.diverged_at is None else f", diverges at about {number(found.diverged_at)}"


def as_json(tested: "RangeTest") -> dict[str, Any]:
    """As in the reply of `POST /v1/range-tests`, with the curves."""
    found = tested.analysis
    return {
        "learning_rates": list(tested.learning_rates),
        "losses": [[_written(value) for value in curve] for curve in tested.losses],
        "suggestions": found.suggestions,
        "recommended": found.recommended,
        "bounds": found.bounds,
        "diverged_at": found.diverged_at,
        "smoothed": [_written(value) for value in found.smoothed],
        "signal": found.signal,
        "reason": found.reason,
        "still_falling_at": found.still_falling_at,
        "rising_from": found.rising_from,
        "warnings": list(found.warnings),
    }


def _written(loss: float) -> float | str:
    """JSON has no number that is not finite; as in the HTTP API it is text."""
    return loss if math.isfinite(loss) else str(loss)
