"""What is said of whether the search is past random."""

from lrtune.service.sentences.health.common import percent
from lrtune.service.sentences.words import paragraph

PAST_RANDOM = "Is the search past random?"


def draws_by_design(sampler: str) -> str:
    """Of a sampler that does not learn."""
    return f"Not measured: the sampler {sampler} does not learn from trials."


def beats_first(latest: int, first: int, share: float, *, settled: bool, prior: bool) -> str:
    """How often the latest trials beat the first ones."""
    told = (
        f"The latest {latest} trials beat the first {first} in {percent(share)} of pairs; draws at random would in 50 %"
    )
    if settled:
        return paragraph([told])
    if prior:
        return paragraph([told, "the first ones were drawn by a prior already, so this says little"])
    return paragraph([told, "more trials tell whether that is luck"])


def not_past_random(latest: int, first: int, share: float) -> str:
    """The latest trials are no better than the first."""
    return (
        f"No sign of it: the latest {latest} trials beat the first {first} in {percent(share)} of pairs, and draws at "
        "random would in 50 %."
    )


def worse_than_first(latest: int, first: int, share: float) -> str:
    """The latest trials are worse than the first, which a prior drew."""
    return (
        f"The latest {latest} trials beat the first {first} in {percent(share)} of pairs: they are worse than those, "
        "which were drawn by a prior. The prior may know more than the search has learnt."
    )


def learn_something() -> str:
    """Where the search does not improve."""
    return (
        "See whether the parameters matter at all (`lrtune study plot`); search fewer of them, or in narrower bounds, "
        "with the sampler auto, in a new study."
    )
