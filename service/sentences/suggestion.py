"""What is said of a suggestion that rests on a study's trials, and of what to do about it."""

from collections.abc import Mapping, Sequence

from lrtune.service.sentences.words import between, count, loss, rate

# Which trial is the best


def best(number: int, metric: str, value: float, *, finished: int, complete: int, trainings: int = 1) -> str:
    """`Trial 3 has the best loss, 0.3, of 7 finished trials.`"""
    if complete == 1:
        return f"Trial {number}, the only complete one, has the {metric} {loss(value)}."
    mean = f" (mean of {trainings} trainings)" if trainings > 1 else ""
    return f"Trial {number} has the best {metric}, {loss(value)}{mean}, of {count(finished, 'finished trial')}."


def safest(number: int, metric: str, value: float, *, better: int, better_value: float) -> str:
    """Why not the best trial is meant, but one that would rather not diverge."""
    return (
        f"Trial {number} is the best that is safe from diverging, with {metric} {loss(value)}; trial {better} has "
        f"{loss(better_value)}, at a rate that may diverge."
    )


def own_rate(suggested: float, number: int, trained: float) -> str:
    """The rate of the best trial beside the one that is suggested; empty where they read the same."""
    if rate(suggested) == rate(trained):
        return ""
    return f"Suggested is {rate(suggested)}; the best trial itself, trial {number}, used {rate(trained)}."


# Where the rate lies


def near_best(low: float, high: float) -> str:
    """The interval of a posterior."""
    ends = " and ".join(between(low, high))
    return f"The best learning rate, or one that comes near it, lies between {ends} (80 %)."


def setting(values: Mapping[str, object]) -> str:
    """For which choices a rate is meant; empty where there is none to tell."""
    chosen = ", ".join(f"{name}={value}" for name, value in values.items())
    return f"That holds with {chosen}." if chosen else ""


def too_few(complete: int, needed: int) -> str:
    """While there are too few trials for an interval at 80 %."""
    have = "there is 1" if complete == 1 else f"there are {complete}"
    return f"No answer yet: that takes {needed} complete trials, and {have}."


def halfway(low: float, high: float, *, open_ended: bool) -> str:
    """The interval between the rates beside the best that did worse; `open_ended` where on one side none did."""
    end = ", and to the bound where none did" if open_ended else ""
    ends = " to ".join(between(low, high))
    return f"The interval, {ends}, reaches halfway to the next rates that did worse{end}."


def alone() -> str:
    """Of the interval around the only rate that was tried."""
    return "One rate says nothing of the others: the interval is all that is searched."


def all_the_same(complete: int, metric: str, value: float) -> str:
    """Where no trial is better than another."""
    return f"No answer yet: all {complete} complete trials have the same {metric}, {loss(value)}."


def diverged(runs: int, edge: float | None) -> str:
    """How many diverged and where that begins; empty where none did."""
    if not runs:
        return ""
    told = f"{count(runs, 'run')} diverged"
    return f"{told}." if edge is None else f"{told}; above about {rate(edge)} training tends to diverge."


def rests_on(what: str) -> str:
    """What an answer rests on, told by who made it."""
    return f"That rests on {what}."


# Unfinished trainings


def unfinished(curves: int, complete: int) -> str:
    """That the answer rests on trainings that have not ended."""
    known = "No trial is complete yet" if not complete else f"Only {count(complete, 'trial')} {_is(complete)} complete"
    return f"{known}: this rests on the curves of {count(curves, 'unfinished training')}, and may change."


def leads(number: int, metric: str, value: float, step: int, trained: float) -> str:
    """The best of the unfinished trainings."""
    return (
        f"Trial {number} has the best {metric} so far, {loss(value)} by step {step}, at learning rate {rate(trained)}."
    )


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


# Without a learning rate


def no_rate() -> str:
    """Of a search space without one."""
    return "The search space has no learning rate: suggested are the parameters of the best trial."


def near_values(values: Mapping[str, Sequence[float]]) -> str:
    """Between which values of each parameter the near-best ones lie; empty without any."""
    told = ", ".join(f"{name} {number(low)} to {number(high)}" for name, (low, high) in values.items())
    return f"Near-best values lie in these ranges (80 %), the others held: {told}." if told else ""


def not_clear(names: Sequence[str]) -> str:
    """Of which parameters the near-best values are not known; empty where of none."""
    return f"Which values are best is not clear yet for {', '.join(names)}." if names else ""


def number(value: float) -> str:
    """A parameter's value: whole ones in full, others to three digits."""
    return str(value) if isinstance(value, int) else f"{value:.3g}"


# What to do


def widen(name: str, *, upper: bool, bound: float) -> str:
    """The best rate is at a bound."""
    side, way = ("upper", "higher") if upper else ("lower", "lower")
    return f"The best {name} is at its {side} bound, {bound:g}: search {way} ones, too, in a new study."


def try_on(*, upper: bool, last: float, maximized: str | None = None) -> str:
    """The loss is still falling, or what is `maximized` rising, at the last rate that trained."""
    end, way = ("largest", "higher") if upper else ("smallest", "lower")
    how = "loss is still falling" if maximized is None else f"{maximized} is still rising"
    return f"The {how} at the {end} rate that trained, {rate(last)}: try {way} ones."


def vague(name: str) -> str:
    """The interval is most of what was searched."""
    return f"No clear answer yet: the interval takes in most of what is searched of {name}; more trials narrow it."


def lower_bound(name: str, lowest: float, bound: float) -> str:
    """Everything diverged, down to the lower bound."""
    return (
        f"Training diverged even at {rate(lowest)}, close to the lower bound of {name}, {bound:g}: search lower ones, "
        "too, in a new study, or look for the fault elsewhere."
    )


def no_difference(name: str, trials: int, decades: float) -> str:
    """The losses do not depend on the rate."""
    return (
        f"The parameter {name} made no difference in {count(trials, 'trial')} over {decades:.1f} decades: if train() "
        "does not use it, search without it (--no-learning-rate)."
    )


# On one line


def line(learning_rate: str, interval: Sequence[str] | None, trials: int) -> str:
    """`suggested learning_rate=0.0031 interval=[0.0018, 0.0052] after 24 trials`: for people and for scripts."""
    bounds = ", ".join(interval) if interval else "–"
    return f"suggested learning_rate={learning_rate} interval=[{bounds}] {after(trials)}"


def line_without_rate(params: str, trials: int) -> str:
    """`suggested max_depth=16 after 6 trials`."""
    return f"suggested {params} {after(trials)}"


def after(trials: int) -> str:
    """`after 1 trial`."""
    return f"after {count(trials, 'trial')}"


def train_with(params: str) -> str:
    """The parameters."""
    return f"Train with {params}."


def expect(value: str, basis: str) -> str:
    """The value to expect, and what the suggestion rests on."""
    return f"The value to expect is {value} (basis: {basis})."
