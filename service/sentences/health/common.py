"""What several health cards say, and what their states are called."""

STATES = {"bad": "Wrong", "look": "Worth a look", "good": "Good", "unknown": "Not known yet"}
"""What the states of a card are called, the most urgent first."""


def percent(share: float) -> str:
    """`78 %`; what is neither none nor all is not shown so.

    >>> percent(0.997)
    '99 %'
    """
    shown = round(100 * share)
    if shown in (0, 100) and 0 < share < 1:
        shown = 1 if share < 0.5 else 99
    return f"{shown} %"


def too_few_to_compare(have: int, needed: int) -> str:
    """While too few trials are over."""
    return f"Too early to tell: that takes {needed} trials that say how good they are, and there {are(have)} {have}."


def all_alike(trials: int) -> str:
    """Where no trial is better than another."""
    return f"Not to be told: all {trials} trials are equally good."


def none_of(trials: int, what: str) -> str:
    """How it is said of trials that are over that none did something."""
    return (
        f"The only trial that is over has not {what}" if trials == 1 else f"None of the latest {trials} trials {what}"
    )


def are(number: int) -> str:
    """The verb of so many."""
    return "is" if number == 1 else "are"
