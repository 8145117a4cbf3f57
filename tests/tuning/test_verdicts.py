"""The verdicts of `auto` are those of the pruner it says it is, at a cost that does not grow with the history."""

import optuna
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import TrialState

from service.storage.mirror import StudyMirror, TrialMirror, Work
from service.tuning.pruners import AutoPruner
from service.tuning.verdicts import _ask_auto, percentile

curves = st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0, 2.0, float("nan")]), min_size=1, max_size=4)


@given(finished=st.lists(curves, max_size=12), own=curves, maximize=st.booleans())
@settings(max_examples=300, deadline=None)
def test_auto_judges_as_optunas_percentile_pruner(
    finished: list[list[float]], own: list[float], maximize: bool
) -> None:
    study = StudyMirror(1, "s", [StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE])
    stock = optuna.create_study(direction="maximize" if maximize else "minimize")
    for number, curve in enumerate(finished):
        values = dict(enumerate(curve))
        trial = TrialMirror(number, number, TrialState.COMPLETE, values=[0.5], intermediate=values, work=Work())
        study.enter(trial)
        stock.add_trial(optuna.trial.create_trial(value=0.5, intermediate_values=values))
    judged = TrialMirror(len(finished), len(finished), TrialState.RUNNING, intermediate=dict(enumerate(own)))
    judged.measure_curve()
    study.index_curves()
    if all(value != value for value in own):
        return  # A value that is not finite has diverged before any pruner is asked.
    reason, _ = _ask_auto(study, judged, len(own) - 1)
    assert (reason == "pruned") == AutoPruner().prune(stock, judged.freeze())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
@settings(deadline=None)
def test_percentile_is_numpys(values: list[float], share: float) -> None:
    import numpy as np

    ordered = sorted(values)
    assert abs(percentile(ordered, share) - float(np.percentile(ordered, share * 100))) <= 1e-6 * max(
        1.0, *map(abs, ordered)
    )


def test_the_sorted_values_follow_each_trial_that_completes() -> None:
    study = StudyMirror(1, "s", [StudyDirection.MINIMIZE])
    study.index_curves()
    for number, value in enumerate([0.5, 0.1, 0.3]):
        study.enter(
            TrialMirror(number, number, TrialState.COMPLETE, values=[value], intermediate={1: value}, work=Work())
        )
    kept = study.step_values
    assert kept == {1: [0.1, 0.3, 0.5]}
    study.index_curves()
    assert study.step_values == kept
