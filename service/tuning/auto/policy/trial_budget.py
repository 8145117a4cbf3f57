"""How fast a budget of trials may be used up: stopping and pausing save steps, and there trials are what is scarce."""

TRAININGS_PER_TRIAL = 1 / 2
"""So many full trainings are trained for each trial begun, before a trial is stopped or another begins instead."""


def few_steps_per_trial(
    trained: float, begun: int, *, max_steps: float, max_trials: int | None, max_total_steps: int | None = None
) -> bool:
    """Whether trials train on, rather than new ones being begun, since few steps were `trained` for so many trials
    `begun`.

    Where trials are the budget, a step saved on one buys no other trial. Where steps are limited too, no more than
    their share of a trial counts; where they alone are, False.
    """
    if max_trials is None:
        return False
    each = max_steps * TRAININGS_PER_TRIAL
    if max_total_steps is not None:
        each = min(each, max_total_steps / max_trials)
    return trained < begun * each
