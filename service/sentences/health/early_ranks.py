"""What is said of whether early ranks hold."""

from lrtune.service.sentences.health.common import are
from lrtune.service.sentences.words import paragraph

EARLY_RANKS = "Do early ranks hold?"


def of_folds() -> str:
    """Of cross-validation."""
    return "Nothing to measure: the steps of this study are folds, in no order of time."


def no_curves(have: int, needed: int) -> str:
    """While too few curves are complete."""
    return (
        f"Too early to tell: that takes {needed} complete trials with a learning curve, and there {are(have)} {have}."
    )


def one_report() -> str:
    """Where nothing is reported before the end."""
    return "Nothing to measure: trials report no value before their last step."


def ranks(step: int, full: int, trials: int, found: tuple[float, float, float], *, corrected: bool) -> str:
    """How the ranks at `step` agree with the final ones; `found` is the correlation with the ends of its interval."""
    middle, low, high = found
    told = (
        f"The order of {trials} complete trials at step {step} of {full} agrees with the final one by a rank "
        f"correlation of {middle:.2f} ({low:.2f} to {high:.2f}, 90 %)"
    )
    return paragraph([f"{told}, allowing for the trials that were stopped early" if corrected else told])


def unclear_ranks() -> str:
    """Where the interval is too wide."""
    return "More complete trials tell whether early values may be trusted."


def stop_later(*, prunes: bool) -> str:
    """Where early ranks mislead."""
    if prunes:
        return (
            "What is stopped early may be what ends best: compare later, or not at all, with `--pruner none` in a new "
            "study."
        )
    return "Keep stopping of trials off, as it is: early values do not tell which end best."
