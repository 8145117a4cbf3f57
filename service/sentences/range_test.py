"""What a range test says."""

from lrtune.service.sentences import words


def few(losses: int) -> str:
    return (
        f"{words.count(losses, 'finite loss', 'finite losses')} cannot show a fall: a range test needs 10, better 100."
    )


def falls(before: float, lowest: float, noise: float) -> str:
    return f"The loss falls from {words.loss(before)} to {words.loss(lowest)}; its noise is {noise:.2g}."


def flat(before: float, lowest: float, noise: float) -> str:
    return (
        f"The loss does not fall: it begins at {words.loss(before)} and is {words.loss(lowest)} at best later; "
        f"its noise is {noise:.2g}."
    )


def diverges(rate: float, *, after: int, fewest: int) -> str:
    """Where it diverges, `after` so many losses; fewer than the `fewest` show no fall."""
    if after >= fewest:
        return f"The training diverges at {words.rate(rate)}."
    before = words.count(after, "loss", "losses") if after else "no loss"
    return f"The training diverges at {words.rate(rate)}, after {before}: too few to show a fall."


def ignored(losses: int) -> str:
    """Of losses far from those around them; empty without any."""
    if not losses:
        return ""
    one = losses == 1
    return f"{words.count(losses, 'loss', 'losses')} far from those around {'it was' if one else 'them were'} ignored."


def still_falling(rate: float) -> str:
    return f"The loss is still falling at {words.rate(rate)}, the highest rate tried: widen the test upwards."


def already_rising(rate: float) -> str:
    return f"The loss is already rising at {words.rate(rate)}, the lowest rate tried: widen the test downwards."


def middle_of_seeds(clear: int, seeds: int, lowest: float, highest: float) -> str:
    """Of the seeds with a signal, and the lowest and highest rate that they recommend."""
    if lowest == highest:
        return f"{clear} of {seeds} seeds recommend {words.rate(lowest)}."
    return (
        f"The answer is the middle of {clear} of {seeds} seeds, "
        f"which recommend {words.rate(lowest)} to {words.rate(highest)}."
    )


def only_an_edge(seeds: int = 1) -> str:
    """Where no rule found anything: the loss does not fall, and diverges."""
    where = "The curve shows no fall" if seeds == 1 else f"None of the {seeds} curves shows a fall"
    return f"{where}: the rate rests on where the training diverges alone, and is a guess."


def unclear_seeds(unclear: int, seeds: int) -> str:
    return f"{unclear} of {seeds} seeds show no signal."


def again(how: str, rate: float) -> str:
    """What to type, `with --high` or `with --low`, or to do, `up to` or `from`; and a rate."""
    return f"Run it again {how} {words.rate(rate)}."


def nothing() -> str:
    return "There is no rate to recommend."


def step_of(seed: int, seeds: int, step: int, steps: int, rate: float, loss: float) -> str:
    """A running test in a line: `range test 1 of 3, step 40 of 100, rate 0.0012, loss 2.297`."""
    return f"range test {seed} of {seeds}, step {step} of {steps}, rate {words.rate(rate)}, loss {words.loss(loss)}"
