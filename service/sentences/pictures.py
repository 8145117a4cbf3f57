"""What is said about a picture of a study: how many of its trials are on it, and what is shown for which setting."""

from collections.abc import Mapping

from lrtune.service.sentences.words import between, count, loss, paragraph, rate

STATES = {
    "complete": "complete",
    "short": "complete, short trainings",
    "pruned": "pruned, at the last loss reported",
    "diverged": "diverged",
    "failed": "failed",
    "running": "running, at the last loss reported",
    "paused": "paused, at the last loss reported",
    "waiting": "waiting for another attempt",
}
"""Of a trial, by the state of its point."""


_ENDS = {"short": "end of short trainings", "waiting": "waiting for another attempt"}


def of_all(drawn: int, total: int, noun: str = "trial") -> str:
    """`25 trials`, or `300 of 5000 trials drawn`; of another `noun`, `60 of 500 curves drawn`."""
    return count(total, noun) if drawn == total else f"{drawn} of {count(total, noun)} drawn"


def state(name: str, drawn: int, total: int) -> str:
    """A legend's line: `complete: 9`, or `complete: 300 of 4000`."""
    return f"{STATES.get(name, name)}: {total if drawn == total else f'{drawn} of {total}'}"


def past_axis(trials: int, farthest: float, *, upwards: bool) -> str:
    """A legend's line: `3 of them past the axis, up to 58`."""
    return f"{trials} of them past the axis, {'up' if upwards else 'down'} to {loss(farthest)}"


def settings(choices: Mapping[str, object]) -> str:
    """`optimizer=adam, schedule=cosine`."""
    return ", ".join(f"{name}={value}" for name, value in choices.items())


def rates(name: str, low: float, high: float | None = None) -> str:
    """A legend's line: `suggested 0.0031`, `interval 0.0018 to 0.0052`."""
    return f"{name} {rate(low)}" if high is None else f"{name} {' to '.join(between(low, high))}"


def edge(at: float, choices: Mapping[str, object]) -> str:
    """A legend's line: `diverges above 2.46 with sgd`."""
    return f"diverges above {rate(at)}" + (f" with {', '.join(map(str, choices.values()))}" if choices else "")


def best(trial: int, at: float | None = None) -> str:
    """A legend's line: `best: trial 17 at 0.0031`."""
    return f"best: trial {trial}" + ("" if at is None else f" at {rate(at)}")


def ends(state: str, trials: int) -> str:
    """A legend's line for where curves end: `pruned (3)`."""
    return f"{_ENDS.get(state, state)} ({trials})"


def seed(number: int) -> str:
    """Of a line of a range test."""
    return f"seed {number}"


def ignored(at: float, value: float) -> str:
    """Of a loss of a range test that was ignored, and its rate."""
    return f"loss {loss(value)} at {rate(at)}: ignored"


def range_test_says(recommended: float | None) -> str:
    """What a range test recommends."""
    return "" if recommended is None else f"It recommends {rate(recommended)}"


def range_test(number: int, optimizer: str | None, batch_size: int | None) -> str:
    """The title of a range test's picture."""
    known = [*([optimizer] if optimizer else []), *([f"batch size {batch_size}"] if batch_size else [])]
    return ", ".join([f"range test {number}", *known])


def scheduled(base: float, steps: int, *, suggested: bool) -> str:
    """The title of the picture of a study's schedules."""
    return f"{'the suggested rate' if suggested else 'a rate of'} {rate(base)} over {count(steps, 'step')}"


def schedules(highest: Mapping[str, float]) -> str:
    """Sentences about schedules over each other, by the highest rate of each."""
    if not highest:
        return "No schedule is chosen: there is nothing to draw."
    listed = _series([f"{name} up to {rate(top)}" for name, top in highest.items()])
    return paragraph([f"the learning rate over the steps of {count(len(highest), 'schedule')}: {listed}"])


DEAD_FROM = "from here on below 1 % of its peak"


def dead(schedule: str, step: int, steps_per_epoch: int | None) -> str:
    """Of a schedule, where one points at the mark from which on it hardly trains."""
    where = f"epoch {step / steps_per_epoch:.3g}" if steps_per_epoch else f"step {step:,}"
    return f"{schedule}: {DEAD_FROM} ({where})"


def no_curves() -> str:
    """Instead of curves, where there are none."""
    return "No trial has reported yet: there are no curves to draw."


def told(trial: int, state: str, values: Mapping[str, object], why: str = "") -> str:
    """What a trial tells where one points at it, in lines: what it came to, each value, why it was drawn."""
    shown = (f"{name} {rate(value) if isinstance(value, float) else value}" for name, value in values.items())
    return "\n".join([f"trial {trial}: {_one(state)}", *shown, *([why] if why else [])])


def why(drawn: str | None, *, repeats: int | None, again: int | None) -> str:
    """Why a trial was drawn, where there is something to tell: what drew it, which trial it repeats, or which it trains
    again."""
    if repeats is not None:
        return f"repeats trial {repeats} with another seed"
    if again is not None:
        return f"trains trial {again} again, which was stopped and leads now"
    return drawn or ""


def shown_for(parts: list[str], choices: Mapping[str, object]) -> str:
    """What is of one setting alone: `fit, interval and boundary: optimizer=adam`; without choices only the parts."""
    named = _series(parts)
    return f"{named}: {settings(choices)}" if choices and parts else named


def counted(drawn: Mapping[str, int], total: Mapping[str, int], *, without: int = 0, parameter: str = "") -> str:
    """Sentences about which trials are on the picture, by their states."""
    shown, begun = sum(drawn.values()), sum(total.values())
    if not begun:
        return "No trial has begun: there is nothing to draw."
    listed = _series([f"{drawn[name]} {_one(name)}" for name in STATES if drawn.get(name)])
    said = [f"{of_all(shown, begun)}: {listed}" if shown else f"None of {count(begun, 'trial')} is drawn"]
    if without:
        have = "has" if without == 1 else "have"
        said.append(f"{count(without, 'trial')} {have} no {parameter}, and no place on the picture")
    return paragraph(said)


def fitted(choices: Mapping[str, object], *, fit: bool, edge: float | None, fewest: int = 3) -> str:
    """Sentences about the fit and the boundary, and for which setting they hold."""
    said = []
    beside = f" with {settings(choices)}" if choices else ""
    if not fit:
        said.append(f"There is no fit yet: it needs at least {fewest} complete trials{beside}")
    if edge is not None:
        said.append(f"Training tends to diverge above {rate(edge)}{beside}")
    if fit and choices:
        said.append(f"Fit, interval and boundary are of trials{beside}")
    return paragraph(said)


def curves(drawn: int, begun: int) -> str:
    """How many of the trials have a curve on the picture."""
    if drawn < begun:
        return f"The curves of {drawn} of {count(begun, 'trial')} are drawn: the latest that reported, and the best."
    return f"The curves of all {begun} trials are drawn." if begun > 1 else "The curve of the one trial is drawn."


def written(path: object) -> str:
    """Where the picture is."""
    return f"The picture is in {path}."


def without_a_rate(study: str, parameters: int) -> str:
    """Instead of loss over learning rate, where a study searches none."""
    other = count(parameters, "numeric parameter")
    return f"Study {study} searches no learning rate, so its metric is drawn over {other} instead."


def _one(name: str) -> str:
    """A state within a sentence."""
    return STATES.get(name, name).partition(",")[0] if name != "short" else "short"


def _series(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else "".join(items)
