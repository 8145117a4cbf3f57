"""Where the rate goes with a schedule, in words."""

from collections.abc import Sequence

from lrtune.service.sentences.words import count, paragraph, rate

NO_OPTAX = "A plateau goes by the metric, which optax's schedules do not see."
NEEDS_METRIC = "The rate falls when the metric stays where it is; the picture shows it as if it never did."


def place(step: int, steps_per_epoch: int | None = None, *, exact: bool = True) -> str:
    """`step 300`, or `epoch 30` where its length is known; `about` where not every step was looked at.

    >>> place(300), place(300, 10), place(305, 10), place(300, exact=False)
    ('step 300', 'epoch 30', 'epoch 30.5', 'about step 300')
    """
    about = "" if exact else "about "
    if steps_per_epoch is None:
        return f"{about}step {step}"
    return f"{about}epoch {round(step / steps_per_epoch, 2):g}"


def constant(at: float) -> str:
    """The rate stays."""
    return f"the rate is {rate(at)} from the first step to the last"


def warmup(steps: int, total: int, first: float, peak: float) -> str:
    """A rise from the start."""
    return (
        f"warm-up takes {share(steps / total)} ({count(steps, 'step')} of {total}), from {rate(first)} to {rate(peak)}"
    )


def begins(first: float) -> str:
    """Without a warm-up."""
    return f"the rate begins at {rate(first)}"


def rises(first: float, last: float) -> str:
    """A rate that rises to the end."""
    return f"the rate rises all the way, from {rate(first)} to {rate(last)}"


def restarts(places: Sequence[str], total: int) -> str:
    """Where it rises again."""
    return f"it restarts at {_listed(places, total)}"


def drops(places: Sequence[str], total: int) -> str:
    """Where it falls at once."""
    return f"it drops at {_listed(places, total)}"


def dead(where: str, left: float) -> str:
    """From where on the rate is too low to train; `left` is the part of the training after that."""
    return f"the rate is dead from {where}: below 1 % of the peak for the last {share(left)} of the training"


def ends(last: float, part: float) -> str:
    """Where it ends, and what part of the peak that is."""
    if last == 0:
        return "it ends at 0"
    return f"it ends at {rate(last)}, {share(part)} of the peak"


def share(part: float) -> str:
    """`12 %`, `0.4 %`, `less than 0.1 %`."""
    percent = 100 * part
    if 0 < percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _listed(places: Sequence[str], total: int) -> str:
    """`step 30 and 60`; of more than are told, `step 30, 60, 90 and 4 more`."""
    noun = places[0].rpartition(" ")[0]
    shown = [places[0], *(one.removeprefix(f"{noun} ") for one in places[1:])]
    if total > len(places):
        return f"{', '.join(shown)} and {total - len(places)} more"
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]


def told(sentences: Sequence[str]) -> str:
    """All of it."""
    return paragraph(sentences)
