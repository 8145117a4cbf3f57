"""What is said of a suggestion that rests on no trial: on range tests, past studies, what is usual."""

from lrtune.service.sentences.words import count, rate


def none_complete(*, failed: int = 0, short: bool = False, under_way: int = 0) -> str:
    """Why the study's trials do not answer."""
    told = "No trial is complete yet" + (" but short ones" if short else "")
    if failed:
        told += f", and {count(failed, 'trial')} failed"
    if under_way:
        told += f"; {count(under_way, 'training')} under way {'says' if under_way == 1 else 'say'} too little"
    return f"{told}."


def all_diverged(runs: int, lowest: float) -> str:
    """Why the study's trials do not answer: none has trained."""
    if runs == 1:
        return f"No answer yet: the only training that ended diverged, at {rate(lowest)}."
    return f"No answer yet: all {runs} trainings that ended diverged, the lowest at {rate(lowest)}."


def no_rate() -> str:
    """Of a search space without one."""
    return "The search space has no learning rate: suggested is the middle of each parameter."


def tested(tests: int, recommended: float, edge: float | None) -> str:
    """`1 range test recommends 0.02; it diverged at 0.3.`"""
    told = f"{count(tests, 'range test')} {'recommends' if tests == 1 else 'recommend'} {rate(recommended)}"
    if edge is None:
        return f"{told}."
    return f"{told}; {'it' if tests == 1 else 'they'} diverged at {'' if tests == 1 else 'about '}{rate(edge)}."


def kept_stable(edge: float) -> str:
    """A rate that trials have shown to diverge gives way."""
    return f"Trials diverge above about {rate(edge)}, which is taken instead."


def below_diverged(lowest: float, suggested: float) -> str:
    """Where training diverged already at a lower rate than would have been suggested."""
    return f"Training diverged at {rate(lowest)} already, so {rate(suggested)} is suggested."


def halfway(middle: float) -> str:
    """A range test and a prior together."""
    return f"Suggested is {rate(middle)}, halfway between them in logs."


def cut(suggested: float, low: float, high: float) -> str:
    """A rate beyond the bounds."""
    return f"Cut to the bounds, {low:g} to {high:g}, that is {suggested:g}."


def no_history(optimizer: str | None, family: str | None, needed: int) -> str:
    """Of a service whose past studies do not help."""
    if optimizer:
        return f"No comparable past study here has {needed} complete trials with {optimizer}."
    if family:
        return f"No past study here is of the family {family}."
    return "No past study here can be compared: name the optimizer."
