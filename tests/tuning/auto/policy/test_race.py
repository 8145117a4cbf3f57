"""Stopping what cannot be resumed."""

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.tuning import AutoPruner
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.policy import race
from lrtune.service.tuning.auto.pruner import replay

COUNT = 12


def evidence(early: np.ndarray, late: np.ndarray, columns: int = 3) -> Evidence:
    curves = early[:, None] + (late - early)[:, None] * FRACTIONS
    return Evidence(np.random.default_rng(0).random((len(early), columns)), curves, late, np.zeros(len(early), bool))


def until(curve: np.ndarray, checkpoint: int) -> np.ndarray:
    return np.where(np.arange(len(FRACTIONS)) <= checkpoint, curve, np.nan)


LATE = np.linspace(0.2, 1.0, COUNT)
HELD, MISLED = evidence(LATE + 1.0, LATE), evidence(2.5 - LATE, LATE)


def test_trust_is_the_share_of_pairs_whose_order_held() -> None:
    assert race.trust(HELD, 4) > 0.95
    assert race.trust(MISLED, 4) < 0.1
    assert race.trust(evidence(np.array([1.0]), np.array([0.5])), 4) == pytest.approx(0.75)


def test_a_run_that_trails_is_stopped_where_early_ranks_held_and_the_reason_says_so() -> None:
    call = race.decide(HELD, until(LATE[-1] + 1.0 + 0 * FRACTIONS, 4), 0, 0)
    assert call.stop
    assert "rank is 13 of 13" in call.explanation
    assert "only the best of them goes on, since 9" in call.explanation


def test_a_run_that_leads_goes_on() -> None:
    assert not race.decide(HELD, until(1.05 + 0 * FRACTIONS, 4), 0, 0).stop


def test_nothing_is_raced_where_early_ranks_mislead_or_the_rate_is_all_there_is() -> None:
    trailing = until(3.0 + 0 * FRACTIONS, 4)
    assert "mislead" in race.decide(MISLED, trailing, 0, 0).explanation
    assert not race.decide(MISLED, trailing, 0, 0).stop
    assert not race.decide(evidence(LATE + 1.0, LATE, columns=1), trailing, 0, 0).stop


def test_some_runs_are_always_trained_to_their_end() -> None:
    trailing = until(3.0 - FRACTIONS, 4)
    stopped = [race.decide(HELD, trailing, number, 0).stop for number in range(40)]
    assert sum(stopped) == 36
    assert not race.decide(HELD, trailing, 0, 12).stop


@pytest.mark.parametrize("full", [5, 10, 30, 100])
def test_where_the_rate_is_all_there_is_a_run_trains_to_its_end_however_flat_its_curve_begins(full: int) -> None:
    for checkpoint in range(len(FRACTIONS)):
        flat = until(3.0 + 0 * FRACTIONS, checkpoint)
        assert not race.decide(evidence(LATE + 1.0, LATE, columns=1), flat, 0, 0, full=full).stop


def test_where_early_ranks_mislead_a_run_that_has_learned_nothing_yet_goes_on() -> None:
    for checkpoint in range(len(FRACTIONS)):
        assert not race.decide(MISLED, until(3.0 + 0 * FRACTIONS, checkpoint), 0, 0).stop


def test_of_a_first_wave_the_worst_quarter_stops_early() -> None:
    early = np.linspace(1.0, 2.0, 16)
    wave = evidence(early, early)
    curves = np.where(np.arange(len(FRACTIONS)) <= 6, wave.curves, np.nan)
    running = Evidence(wave.cube, curves, wave.final * np.nan, wave.diverged)
    calls = [race.decide(running, until(value - 0.5 * FRACTIONS, 6), 0, 0).stop for value in (1.2, 1.6, 2.4)]
    assert calls == [False, False, True]


def begun(curves: np.ndarray) -> Evidence:
    count = len(curves)
    return Evidence(np.full((count, 3), 0.5), curves, np.full(count, np.nan), np.zeros(count, dtype=bool))


def test_of_a_first_wave_at_most_a_quarter_stops_in_whatever_order_it_reports() -> None:
    curves = np.array([until(level - 0.5 * FRACTIONS, 5) for level in np.linspace(1.0, 2.0, 40)])
    stopped = 0
    for trial in range(40):
        others = begun(np.delete(curves, trial, axis=0))
        curves[trial] = until(1.0 + trial / 40 - 0.5 * FRACTIONS, 6)
        stopped += race.decide(others, curves[trial], 0, stopped).stop
    assert 4 <= stopped <= 10


def test_one_after_the_other_the_first_runs_are_a_sample_and_the_next_that_leads_goes_on() -> None:
    seen, sample = np.empty((0, len(FRACTIONS))), [until(level + 0 * FRACTIONS, 2) for level in (2.0, 1.5, 1.8)]
    for count, curve in enumerate(sample):
        assert race.decide(begun(seen), curve, count, count).stop
        seen = np.concatenate([seen, [curve]])
    assert race.decide(begun(seen), until(1.9 + 0 * FRACTIONS, 2), 3, 3).stop
    assert not race.decide(begun(seen), until(1.4 + 0 * FRACTIONS, 2), 3, 3).stop
    assert not race.decide(begun(seen), until(1.4 + 0 * FRACTIONS, 4), 3, 3).stop


def test_in_a_training_of_ten_steps_every_step_before_the_half_is_raced() -> None:
    for checkpoint in (5, 6, 8):
        assert race.decide(HELD, until(LATE[-1] + 1.0 - 0.5 * FRACTIONS, checkpoint), 0, 0, full=10).stop
    assert not race.decide(HELD, until(LATE[-1] + 1.0 - 0.5 * FRACTIONS, 5), 0, 0, full=100).stop


def lesson(trial: optuna.Trial) -> float:
    """Early ranks hold; the loss falls to a floor that the parameters set."""
    x, y, z = (trial.suggest_float(name, 0, 1) for name in "xyz")
    floor = (x - 0.3) ** 2 + (y - 0.6) ** 2 + (z - 0.5) ** 2
    for step in range(1, 21):
        trial.report(floor + 1 / step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return floor + 0.05


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_in_a_plain_optuna_script_it_saves_steps_and_keeps_the_winner(direction: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sign = -1.0 if direction == "maximize" else 1.0

    def objective(trial: optuna.Trial) -> float:
        report = trial.report
        trial.report = lambda value, step: report(sign * value, step)  # type: ignore[method-assign]
        return sign * lesson(trial)

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=AutoPruner(), direction=direction)
    study.optimize(objective, n_trials=60)
    assert sum(len(t.intermediate_values) for t in study.trials) < 0.6 * 60 * 20
    floors = [sum((t.params[n] - c) ** 2 for n, c in zip("xyz", (0.3, 0.6, 0.5), strict=True)) for t in study.trials]
    assert study.best_trial.number == int(np.argmin(floors))


def test_a_replay_says_where_a_finished_trial_would_have_been_stopped() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), pruner=optuna.pruners.NopPruner())
    study.optimize(lesson, n_trials=25)
    ordered = sorted((t for t in study.trials if t.state is TrialState.COMPLETE), key=lambda t: t.value or 0.0)
    others = [t for t in study.trials if t.number not in (ordered[0].number, ordered[-1].number)]
    assert replay(others, ordered[0], StudyDirection.MINIMIZE) is None
    found = replay(others, ordered[-1], StudyDirection.MINIMIZE)
    assert found is not None
    assert 1 <= found[0] < 20
    assert "rank" in found[1]


def test_behind_the_pace_of_a_budget_of_trials_nothing_is_raced() -> None:
    behind = until(LATE[-1] + 1.0 - 0.5 * FRACTIONS, 4)
    assert race.decide(HELD, behind, 0, 0).stop
    call = race.decide(HELD, behind, 0, 0, behind=True)
    assert not call.stop
    assert "budget is trials" in call.explanation
    assert not race.decide(HELD, until(LATE[-1] + 3.0 + 0 * FRACTIONS, 6), 0, 0, behind=True).stop
    assert not race.decide(begun(np.empty((0, len(FRACTIONS)))), behind, 0, 0, behind=True).stop
