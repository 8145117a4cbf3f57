"""What is said about a picture."""

from lrtune.service.sentences import pictures


def test_all_trials_are_counted_by_what_they_came_to() -> None:
    counts = {"pruned": 14, "complete": 9, "diverged": 2}
    assert pictures.counted(counts, counts) == "25 trials: 9 complete, 14 pruned and 2 diverged."


def test_what_is_not_drawn_is_said() -> None:
    said = pictures.counted({"complete": 300}, {"complete": 4000, "failed": 1}, without=3, parameter="lr")
    assert said == "300 of 4001 trials drawn: 300 complete. 3 trials have no lr, and no place on the picture."
    assert pictures.counted({}, {}) == "No trial has begun: there is nothing to draw."


def test_the_fit_says_whose_it_is() -> None:
    choices = {"optimizer": "adam"}
    assert pictures.fitted(choices, fit=False, edge=None) == (
        "There is no fit yet: it needs at least 3 complete trials with optimizer=adam."
    )
    assert pictures.fitted({}, fit=True, edge=0.1) == "Training tends to diverge above 0.1."
    assert pictures.shown_for(["fit", "interval", "boundary"], choices) == "fit, interval and boundary: optimizer=adam"
