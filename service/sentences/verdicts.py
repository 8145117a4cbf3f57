"""Why a trial goes on, is paused or is stopped. `step` of `full`: where it is in its training; `rank` 1 is the best."""

from lrtune.service.sentences import words


def not_finite(step: int, value: float) -> str:
    """It diverged."""
    return f"The value at step {step} is {value}."


def last_step() -> str:
    """It ends by itself."""
    return "That was the last step."


def study_stopped() -> str:
    """Someone stopped the study."""
    return "The study was stopped."


def steps_used_up(total: int) -> str:
    """The budget of steps."""
    return f"The study's {words.count(total, 'training step')} are used up."


def too_few_to_begin_again(total: int) -> str:
    """An attempt that began again from its start, for which no steps are left."""
    return f"Of {words.count(total, 'training step')} too few are left to begin this trial again."


def told_before() -> str:
    """A verdict that stands, whose reason was not kept."""
    return "It was told so before."


def rate_alone() -> str:
    """Nothing is raced."""
    return "Only the learning rate is searched: early losses mislead there, so it trains to its end."


def few_steps_so_far() -> str:
    """Trials are the budget."""
    return "The budget is trials, and few of their steps were trained: it trains on."


def spared() -> str:
    """One in ten."""
    return "One trial in ten trains to its end, to learn from."


def many_stopped(count: int) -> str:
    """So many in a row."""
    return f"The last {words.count(count, 'trial')} were stopped: this one trains on."


def raced(step: int, full: int, rank: int, count: int, *, cut: int, held: float) -> str:
    """Beside those that finished: it stops behind the first `cut`. `held`: the share of pairs in order so far."""
    first = "the best" if cut == 1 else f"the best {cut}"
    told = f"only {first} of them {'goes' if cut == 1 else 'go'} on"
    kept = f"{held:.0%} of pairs kept their order"
    return f"{_standing(step, full, rank, count)} beside the complete trials: {told}, since {kept}."


def misled(step: int, full: int, rank: int, count: int) -> str:
    """Early ranks are not the last ones."""
    return f"{_standing(step, full, rank, count)}, but early ranks mislead here: it trains on."


def first_wave(step: int, full: int, rank: int, count: int, *, stops: bool) -> str:
    """While nothing has finished."""
    then = "it stops" if stops else "it trains on"
    return f"{_standing(step, full, rank, count)}, and nothing has finished yet: {then}."


def sample(step: int, full: int, rank: int, count: int, *, first: int) -> str:
    """The first few stop in any case."""
    return f"{_standing(step, full, rank, count)}: the first {first} stop here, to show what is usual."


def at_rung(step: int, full: int, rank: int, count: int, *, leads: bool) -> str:
    """Beside all that came as far."""
    then = "it goes on" if leads else "the best third goes on, and the others when they come to lead"
    return f"{_standing(step, full, rank, count)}: {then}."


def earned(step: int, full: int, until: int) -> str:
    """What it may train in any case."""
    to = "its end, whatever its early rank" if until >= full else f"step {until}"
    return f"At step {step} of {full} it goes on: it may train to {to}."


def paused(step: int, full: int | None, rank: int, count: int) -> str:
    """With its standing among the paused trials."""
    at = f"step {step}" if full is None else f"step {step} of {full}"
    return f"Paused at {at}, rank {rank} of {count} paused trials; it goes on if it earns more steps."


def earned_no_more(earlier: str | None, used_up: str) -> str:
    """A paused trial ends: what was said when it was paused, and which budget was spent since."""
    told = (earlier or "Paused").rstrip(".").partition("; it goes on")[0]
    return f"{told}; it earned no more steps before {used_up} was spent."


def short_given_back() -> str:
    """A short training that nobody takes up."""
    return "Given back as a short training; no trainer that anneals asked for it again."


def pruned(pruner: str, step: int, value: float, rank: int, count: int) -> str:
    """One of Optuna's rules."""
    return f"Stopped by {pruner} at step {step}: {value:.6g} ranks {rank} of {count} beside the complete trials."


def stopped(step: int, why: str) -> str:
    """`auto` stops it; `why` is a sentence."""
    return f"Stopped at step {step}. {why}"


def no_order_of_time() -> str:
    """A replay of folds."""
    return "Its steps are folds, in no order of time: only final values count."


def nothing_reported() -> str:
    """A replay of nothing."""
    return "It reported nothing."


def of_the_ladder() -> str:
    """A replay of a short training."""
    return "It is one of the ladder's: those are trained to their end."


def would_have_ended() -> str:
    """A replay that stops nowhere."""
    return "It would have trained to its end."


def _standing(step: int, full: int, rank: int, count: int) -> str:
    return f"At step {step} of {full} its rank is {rank} of {count}"
