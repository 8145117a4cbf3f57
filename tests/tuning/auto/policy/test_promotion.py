"""Pause and resume."""

import math

import numpy as np
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.policy.one_dimension import PROBE_UNTIL, PROBES
from lrtune.service.tuning.auto.policy.promotion import decide
from lrtune.service.tuning.auto.policy.rungs import RUNGS, rungs_of
from lrtune.service.tuning.auto.policy.trial_budget import TRAININGS_PER_TRIAL, few_steps_per_trial
from lrtune.service.tuning.auto.space import Space

RATE = Space({"learning_rate": FloatDistribution(1e-5, 1.0, log=True)})
UNIT = FloatDistribution(0, 1)
WIDE = Space({"learning_rate": FloatDistribution(1e-5, 1.0, log=True), "a": UNIT, "b": UNIT})


class Bench:
    """Trials of a made-up problem, trained as `decide` says: how far early losses mislead is up to `drop`."""

    def __init__(self, space: Space, drop: float) -> None:
        self.space, self.drop = space, drop
        self.points: list[np.ndarray] = []
        self.reached: list[int] = []
        self.spent = 0.0
        self.kinds: list[str] = []

    def curve(self, point: np.ndarray) -> np.ndarray:
        end = float(((point - 0.6) ** 2).sum())
        return end + (0.5 + self.drop * end) * (1 - FRACTIONS)

    def evidence(self) -> Evidence:
        curves = np.array([self.curve(point) for point in self.points]).reshape(len(self.points), len(FRACTIONS))
        reached = np.array(self.reached, dtype=int)
        curves[np.arange(len(FRACTIONS)) > reached[:, None]] = np.nan
        cube = np.array(self.points).reshape(len(self.points), self.space.columns)
        return Evidence(cube, curves, curves[:, -1], np.zeros(len(self.points), dtype=bool))

    def step(self, seed: int) -> None:
        evidence = self.evidence()
        found = decide(evidence, evidence.partial, self.space, number=len(self.points), seed=seed)
        self.kinds.append(found.kind)
        if found.trial is None:
            assert found.point is not None
            self.points.append(found.point)
            self.reached.append(-1)
        trial = len(self.points) - 1 if found.trial is None else found.trial
        assert self.reached[trial] < found.until
        done = FRACTIONS[self.reached[trial]] if self.reached[trial] >= 0 else 0.0
        self.spent += float(FRACTIONS[found.until] - done)
        self.reached[trial] = found.until

    def best(self) -> float:
        ends = [self.curve(p)[-1] for p, k in zip(self.points, self.reached, strict=True) if k == len(FRACTIONS) - 1]
        return min(ends, default=math.inf)


def test_where_the_rate_is_all_there_is_short_probes_come_first_and_the_best_is_finished() -> None:
    bench = Bench(RATE, drop=0.5)
    for _ in range(PROBES):
        bench.step(seed=0)
    assert bench.kinds == ["new"] * PROBES
    assert set(bench.reached) == {PROBE_UNTIL}
    ends = [bench.curve(point)[-1] for point in bench.points]
    for _ in range(3):
        bench.step(seed=0)
    assert bench.kinds[-3:] == ["resume"] * 3
    assert sum(reached > PROBE_UNTIL for reached in bench.reached) == 2
    assert bench.reached[int(np.argmin(ends))] == len(FRACTIONS) - 1


def test_five_trainings_find_a_good_rate_whether_early_losses_mislead_or_not() -> None:
    for drop in (0.5, -1.5):
        for seed in range(3):
            bench = Bench(RATE, drop)
            while bench.spent < 5:
                bench.step(seed)
            assert bench.best() < 0.02


def test_many_parameters_are_screened_and_few_trials_finished() -> None:
    bench = Bench(WIDE, drop=0.5)
    while bench.spent < 6:
        bench.step(seed=1)
    assert len(bench.points) > 20
    assert bench.kinds.count("resume") > 5
    assert bench.best() < 0.05


def test_where_early_losses_mislead_the_finished_curves_say_so_and_good_points_are_found_all_the_same() -> None:
    for seed in range(2):
        bench = Bench(WIDE, drop=-1.5)
        while bench.spent < 30:
            bench.step(seed)
        assert sum(reached == len(FRACTIONS) - 1 for reached in bench.reached) > 10
        assert bench.best() < 0.02, "0.04 is the mean of 30 random trainings, over 0.5 what the early leaders reach"


def test_a_smooth_optimum_is_refined() -> None:
    bench = Bench(WIDE, drop=0.5)
    while bench.spent < 12:
        bench.step(seed=0)
    assert bench.best() < 0.01


def test_of_equal_trials_a_third_goes_on() -> None:
    count = 30
    curves = np.full((count, len(FRACTIONS)), np.nan)
    curves[:, : RUNGS[0] + 1] = 0.5
    evidence = Evidence(np.random.default_rng(0).random((count, 3)), curves, curves[:, -1], np.zeros(count, dtype=bool))
    resumed = set()
    for _ in range(count):
        found = decide(evidence, evidence.reached == RUNGS[0], WIDE, number=count, seed=0)
        if found.kind == "new":
            break
        resumed.add(found.trial)
        evidence.curves[found.trial, : RUNGS[1] + 1] = 0.5
        evidence.curves[found.trial, RUNGS[0] + 1 : RUNGS[1] + 1] = np.nan
    assert found.kind == "resume"
    assert resumed == {0}


def test_the_shortest_rung_is_used_where_its_order_holds() -> None:
    rng = np.random.default_rng(0)
    for noise, first in ((0.0, 0), (1.0, RUNGS[0])):
        ends = rng.random(14)
        curves = np.full((14, len(FRACTIONS)), np.nan)
        curves[:, : RUNGS[0] + 1] = ends[:, None] + 1.0
        curves[:, 0] += noise * rng.random(14) * 5 + 0.1
        evidence = Evidence(rng.random((14, 3)), curves, curves[:, -1], np.zeros(14, dtype=bool))
        assert rungs_of(evidence)[0] == first


def test_trials_are_paced_where_they_are_the_budget() -> None:
    assert few_steps_per_trial(39, 8, max_steps=10, max_trials=24)
    assert not few_steps_per_trial(8 * 10 * TRAININGS_PER_TRIAL, 8, max_steps=10, max_trials=24)
    assert few_steps_per_trial(7, 8, max_steps=10, max_trials=50, max_total_steps=50)
    assert not few_steps_per_trial(8, 8, max_steps=10, max_trials=50, max_total_steps=50)
    assert not few_steps_per_trial(0, 8, max_steps=10, max_trials=None, max_total_steps=50)


def test_few_trials_have_few_probes() -> None:
    bench = Bench(RATE, drop=0.5)
    for _ in range(3):
        bench.step(seed=0)
    found = decide(bench.evidence(), bench.evidence().partial, RATE, number=3, seed=0, insists=True, max_trials=6)
    assert found.kind == "resume"


def test_behind_the_pace_trials_of_many_parameters_are_trained_to_their_end() -> None:
    bench = Bench(WIDE, drop=0.5)
    for _ in range(30):
        evidence = bench.evidence()
        number = len(bench.points)
        found = decide(evidence, evidence.partial, WIDE, number=number, seed=0, insists=True, max_trials=40)
        assert found.until == len(FRACTIONS) - 1
        bench.step(seed=0)


def test_only_paused_trials_are_resumed() -> None:
    bench = Bench(WIDE, drop=0.5)
    while bench.spent < 2:
        bench.step(seed=1)
    evidence = bench.evidence()
    nobody = np.zeros(len(bench.points), dtype=bool)
    for seed in range(5):
        assert decide(evidence, nobody, WIDE, number=len(bench.points), seed=seed).kind == "new"
