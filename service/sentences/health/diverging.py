"""What is said of whether trainings diverge."""

from lrtune.service.sentences.health.common import none_of, percent
from lrtune.service.sentences.words import paragraph, rate

DIVERGING = "Are trainings diverging?"


def diverged_share(diverged: int, trials: int, edge: float | None, above: int) -> str:
    """How many of the latest trials diverged; `above` of them at rates where training tends to, beyond `edge` where
    that is one for all."""
    if not diverged:
        return paragraph([none_of(trials, "diverged")])
    if trials == 1:
        return "The only trial that is over diverged."
    told = f"{diverged} of the latest {trials} trials diverged"
    where = (
        "at rates where training tends to diverge" if edge is None else f"above {rate(edge)}, where training tends to"
    )
    which = ("it" if diverged == 1 else "all of them") if above == diverged else f"{above} of them"
    return paragraph([f"{told}, {which} {where}" if above else told])


def diverged_steps(spent: int, trained: int) -> str:
    """What of the budget went there; empty where nothing did."""
    return f"They took {percent(spent / trained)} of all steps." if spent and trained else ""


def lower_the_bound(name: str, edge: float) -> str:
    """Where it is the rate that makes them diverge."""
    return f"Search {name} below {rate(edge)} in a new study: `lrtune study create NAME --high {rate(edge)}`."


def lower_each_bound(name: str, choice: str) -> str:
    """Where the boundary depends on a choice."""
    return f"Each {choice} has a boundary of its own: search {name} lower in a new study for each."


def look_for_the_fault() -> str:
    """Where it is not the rate, or not known to be."""
    return "Not the rate alone: try gradient clipping and warmup, and look at the data and the loss for what overflows."
