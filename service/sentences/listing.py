"""What the list of studies says, and the page that compares some of them."""

from lrtune.service.sentences.words import count

_UNITS = (("min", 60.0, 60.0), ("h", 3600.0, 24.0), ("day", 86_400.0, 60.0), ("month", 2_629_800.0, 24.0))
"""(unit, its seconds, how many of it are told before the next one is)."""

MOST_COMPARED = 5


def age(seconds: float) -> str:
    """How long ago something was: `just now`, `3 min ago`, `2 days ago`."""
    if seconds < 60:
        return "just now"
    for unit, length, most in _UNITS:
        number = int(seconds / length)
        if number < most:
            return f"{count(number, unit, unit if unit in ('min', 'h') else None)} ago"
    return f"{count(int(seconds / 31_557_600), 'year')} ago"


def progress(done: int, of: int | None, unit: str) -> str:
    """`12 of 40 trials`; without a budget `12 trials`."""
    if of is None:
        return f"{done:,} {unit}" + ("" if done == 1 else "s")
    return f"{done:,} of {of:,} {unit}" + ("" if of == 1 else "s")


def recorded(trials: int) -> str:
    """Of trials that do not count against the budget: `and 3 recorded`."""
    return f"and {trials:,} recorded" if trials else ""


def found(shown: int, studies: int) -> str:
    """How many of the studies a filter finds."""
    return (
        count(studies, "study", "studies") if shown == studies else f"{shown:,} of {count(studies, 'study', 'studies')}"
    )


def too_few_to_compare(studies: int) -> str:
    """To who named one study, or none."""
    named = "one study is" if studies == 1 else "no study is"
    return f"{named} named, and to compare takes two at least: choose them in the list of studies"


def too_many_to_compare(studies: int) -> str:
    """To who named too many."""
    return f"{studies} studies are named, and at most {MOST_COMPARED} are compared: leave some out"


def compared_with_itself(study: str) -> str:
    """To who named a study twice and no other."""
    return f"study {study} is named twice: choose another one beside it"
