"""What speaks for a verdict on a learning rate: clauses, with numbers and steps."""

from collections.abc import Sequence

from lrtune.service.sentences.words import between, count, loss, rate


def verdict_on_rate(verdict: str, evidence: Sequence[str]) -> str:
    """A verdict with what speaks for it, on one line."""
    return f"learning rate {verdict}: {'; '.join(evidence)}"


def not_finite(step: int, value: float) -> str:
    """A value that is no number, or too large to be one."""
    return f"the value at step {step} is {value:g}"


def ended_as_diverged(last_step: int | None) -> str:
    """Of a trial whose reports are all finite."""
    after = f"after step {last_step}" if last_step is not None else "before its first report"
    return f"ended as diverged {after}"


def nothing_reported() -> str:
    """Without a curve."""
    return "nothing was reported"


def too_few(values: int, fewest: int) -> str:
    """With so few values nothing is said."""
    return f"{count(values, 'value is', 'values are')} too few to judge by: report at least {fewest}"


def of_folds() -> str:
    """Where steps are the folds of a cross-validation."""
    return "its steps are folds: their order says nothing of the training"


def near_best(at: float, best: float, step: int | None = None) -> str:
    """A run that ends near the best one; `step` as in `short_of_best`."""
    if step is not None:
        return f"is at {loss(at)} after step {step}, near the best, {loss(best)} then"
    return f"ends at {loss(at)}, the best" if at == best else f"ends at {loss(at)}, near the best, {loss(best)}"


def ends_about(at: float, best: float) -> str:
    """Where a run ends whose values jump about, beside the best one."""
    return f"its last reports are {loss(at)} on average, those of the best {loss(best)}"


def short_of_best(at: float, best: float, step: int | None = None) -> str:
    """A run that ends far from the best one; how many times as high, where both are above 0. `step`: of a run that is
    not over, where both are compared."""
    where = f"ends at {loss(at)}" if step is None else f"is at {loss(at)} after step {step}"
    then = loss(best) if step is None else f"{loss(best)} then"
    return (
        f"{where}, {_times(at / best)} times the best, {then}"
        if at > best > 0
        else f"{where}, short of the best, {then}"
    )


def _times(ratio: float) -> str:
    return "over 1000" if ratio > 1000 else f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def hardly_learned(untrained: float) -> str:
    """A run that ends nearer to an untrained model than to the best."""
    return f"it has come less than half-way from an untrained model, {loss(untrained)}"


def none_learned(best: float, untrained: float) -> str:
    """No run of the study is better than an untrained model: none tells how good one can be."""
    return f"no training has come far from an untrained model, {loss(untrained)}, yet: the best is {loss(best)}"


def beside_suggested(at: float, low: float, high: float) -> str:
    """On which side of the suggested rates one lies."""
    if low <= at <= high:
        return f"the rate, {rate(at)}, lies within the suggested range, {' to '.join(between(low, high))}"
    side = "below" if at < low else "above"
    return f"the rate, {rate(at)}, lies {side} the suggested range, {' to '.join(between(low, high))}"


def beside_best(at: float, best: float) -> str:
    """On which side of the best run's rate one lies, where no range is suggested for its settings."""
    side = "below" if at < best else "above"
    return f"the rate, {rate(at)}, lies {side} that of the best with its settings, {rate(best)}"


def far_below_stable(at: float, largest: float) -> str:
    """A rate far below the largest one that trains."""
    return f"the rate, {rate(at)}, is far below the largest stable one, about {rate(largest)}"


def not_below_stable(at: float, largest: float) -> str:
    """A rate at which trainings diverge."""
    return f"the rate, {rate(at)}, is not below the largest stable one, about {rate(largest)}"


def far_above_start(last: float, step: int, first: float) -> str:
    """A run that blew up."""
    return f"ends at {loss(last)} at step {step}, far above its start, {loss(first)}"


def rising(first: float, step: int, last: float, last_step: int, probability: float) -> str:
    """A slope for the worse over the whole run."""
    sure = "above 0.999" if probability > 0.999 else f"{probability:.3f}"
    return f"gets worse from {loss(first)} at step {step} to {loss(last)} at step {last_step}, with probability {sure}"


def climb(low: float, step: int, top: float, top_step: int, last: float) -> str:
    """A run that went up again after it was down."""
    return f"climbs from {loss(low)} at step {step} to {loss(top)} at step {top_step}, and ends at {loss(last)}"


def worse_than_begun(begun: float, worst: float, step: int, last: float) -> str:
    """A run that rose above the value before its first step."""
    way = f"from {loss(begun)} before the first step to {loss(worst)} at step {step}"
    return f"gets worse {way}, and ends at {loss(last)}"


def clipped(share: float) -> str:
    """Nearly every gradient was clipped."""
    return f"{100 * share:.0f} % of the gradients were clipped"


def steady(early: float, later: float, last: float, step: int) -> str:
    """A fall that is nearly as fast in the second quarter as in the first."""
    return (
        f"improves slowly and steadily, by {early:.3g} in the first quarter and by {later:.3g} in the second, to "
        f"{loss(last)} at step {step}"
    )


def noise_only(first: float, last: float, step: int) -> str:
    """A run that goes nowhere."""
    return f"goes from {loss(first)} to {loss(last)} by step {step}: no more than its noise"


def nothing_against(first: float, last: float, step: int) -> str:
    """A run that shows no fault, and has nothing to be compared with."""
    return (
        f"goes from {loss(first)} to {loss(last)} by step {step}: nothing in it speaks against the rate, and only "
        "other trainings tell whether another rate ends better"
    )
