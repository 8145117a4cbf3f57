"""The verdicts of `auto` are those of the pruner it says it is, at a cost that does not grow with the history."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, TRAINS_TO_ATTR
from lrtune.service.tuning.auto import AutoPruner
from lrtune.service.tuning.pruning import race_evidence
from lrtune.service.tuning.state.snapshot import snapshot_all
from lrtune.service.tuning.state.staged_storage import StagedStorage
from lrtune.service.wire.studies import StudySpec

DISTRIBUTIONS = {"learning_rate": FloatDistribution(1e-5, 1, log=True), "momentum": FloatDistribution(0, 1)}
FULL = 20


def study_in_memory(direction: str, max_steps: int | None) -> StudyMirror:
    study = StudyMirror(1, "s", [StudyDirection.MAXIMIZE if direction == "maximize" else StudyDirection.MINIMIZE])
    study.spec = StudySpec.model_validate({"name": "s", "direction": direction, "max_steps": max_steps})
    return study


def begin(study: StudyMirror, rate_alone: bool = False) -> TrialMirror:
    number = len(study.trials)
    trial = TrialMirror(number, number, TrialState.RUNNING, work=Work(leased=True, max_steps=FULL))
    trial.params = {"learning_rate": 0.01, "momentum": 0.5}
    trial.distributions = dict(DISTRIBUTIONS)
    if rate_alone:
        del trial.params["momentum"], trial.distributions["momentum"]
    study.enter(trial)
    return trial


def report(trial: TrialMirror, step: int, value: float) -> int:
    before = trial.last_step or 0
    trial.touch()
    trial.intermediate[step] = value
    trial.measure_curve()
    return before


def end(study: StudyMirror, trial: TrialMirror, state: TrialState) -> None:
    study.count_out(trial)
    trial.touch()
    trial.state, trial.work = state, Work(max_steps=FULL)
    if state is not TrialState.FAIL and trial.last_step is not None:
        trial.values = [trial.intermediate[trial.last_step]]
    study.count_in(trial)
    study.rank(trial)


def mark(study: StudyMirror, trial: TrialMirror, source: random.Random) -> None:
    """What an `AutoSampler` writes: how far the trial trains in any case, and which one it trains again."""
    trial.system_attrs = {TRAINS_TO_ATTR: source.choice([0.02, 0.06, 0.06, 0.22, 1.0])}
    stopped = [t for t in study.trials if t.state is TrialState.PRUNED and AGAIN_ATTR not in t.system_attrs]
    if stopped and source.random() < 0.3:
        trial.system_attrs = {**trial.system_attrs, AGAIN_ATTR: source.choice(stopped).number}


def asked_of_the_pruner(study: StudyMirror, trial: TrialMirror, max_steps: int | None) -> tuple[bool, str]:
    pruner = AutoPruner(max_steps=max_steps)
    frozen = trial.freeze()
    storage = StagedStorage(snapshot_all(study), frozen)
    return pruner.prune(storage.study(RandomSampler(), pruner), frozen), pruner.explanation


@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 20),
    direction=st.sampled_from(["minimize", "maximize"]),
    max_steps=st.sampled_from([FULL, FULL, None]),
    noise=st.sampled_from([0.0, 0.3, 3.0]),
    leap=st.sampled_from([1, 1, 3]),
    rate_alone=st.booleans(),
    rungs=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_auto_judges_as_the_pruner_does(
    seed: int,
    workers: int,
    direction: str,
    max_steps: int | None,
    noise: float,
    leap: int,
    rate_alone: bool,
    rungs: bool,
) -> None:
    """Whatever the order in which trials begin, report, stop, fail and end; with `rungs`, train others again."""
    source = random.Random(seed)
    study = study_in_memory(direction, max_steps)
    sign = -1.0 if direction == "maximize" else 1.0
    running: list[TrialMirror] = []
    quality: list[float] = []
    for _ in range(350):
        if len(running) < workers:
            running.append(begin(study, rate_alone))
            if rungs:
                mark(study, running[-1], source)
            quality.append(source.choice([0.1, 0.1, 0.4, 1.0, 5.0]))
        trial = source.choice(running)
        step = min((trial.last_step or 0) + source.randint(1, leap), FULL)
        value = quality[trial.number] + (1.0 / step if quality[trial.number] != 5.0 else 1.0) + noise * source.random()
        before = report(trial, step, sign * value)
        over = step == FULL
        if not over:
            call = race_evidence.judge(study, trial, before)
            stop, explanation = asked_of_the_pruner(study, trial, max_steps)
            assert (call.stop, call.explanation) == (stop, explanation)
        if over or call.stop or source.random() < 0.01:
            end(study, trial, TrialState.COMPLETE if over else TrialState.PRUNED if call.stop else TrialState.FAIL)
            running.remove(trial)


def test_a_race_is_lost_against_what_finished_and_says_so() -> None:
    study = study_in_memory("minimize", FULL)
    for quality in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        trial = begin(study)
        for step in range(1, FULL + 1):
            report(trial, step, quality + 1 / step)
        end(study, trial, TrialState.COMPLETE)
    late = begin(study)
    told = []
    for step in range(1, 10):
        before = report(late, step, 9.0)
        told.append(race_evidence.judge(study, late, before))
    lost = next(call for call in told if call.stop)
    assert "rank is 7 of 7" in lost.explanation
    assert "kept their order" in lost.explanation


@pytest.mark.parametrize("full", [1, 3, 9, 12])
def test_a_short_training_is_not_stopped_at_its_first_report_for_having_learned_nothing_since(full: int) -> None:
    study = study_in_memory("minimize", full)
    for _ in range(4):
        trial = begin(study)
        for step in range(1, full + 1):
            before = report(trial, step, 1 / step - trial.number / 100)
            assert not race_evidence.judge(study, trial, before).stop
        end(study, trial, TrialState.COMPLETE)


def test_of_a_large_first_wave_the_worst_do_not_train_to_the_end() -> None:
    study = study_in_memory("minimize", 100)
    wave = [begin(study) for _ in range(40)]
    ranks = random.Random(0).sample(range(40), 40)
    stopped: dict[int, str] = {}
    for step in range(1, 100):
        for trial in wave:
            if trial.number in stopped:
                continue
            before = report(trial, step, ranks[trial.number] + 100 / step)
            call = race_evidence.judge(study, trial, before)
            if call.stop:
                stopped[trial.number] = call.explanation
                end(study, trial, TrialState.PRUNED)
    assert 5 <= len(stopped) <= 20
    assert min(ranks[number] for number in stopped) >= 20, "only the worse half"
    assert "nothing has finished yet" in next(iter(stopped.values()))


@pytest.mark.parametrize("trials", [50, 2000])
def test_a_verdict_keeps_a_bounded_number_of_curves(trials: int) -> None:
    study = study_in_memory("minimize", 40)
    for number in range(trials):
        trial = begin(study)
        for step in (4, 40):
            before = report(trial, step, 1.0 + number % 7 + 1 / step)
            if step == 4 and number % 10 == 0:
                race_evidence.judge(study, trial, before)
        end(study, trial, TrialState.COMPLETE)
    late = begin(study)
    assert race_evidence.judge(study, late, report(late, 4, 50.0)).stop
    known = study.derived(race_evidence._Kept).evidence
    assert known is not None
    assert len(known._finished) <= 80
    best = {number for _, number in study.ranking[:20]}
    assert best <= set(known._finished), "the best are kept, the rest are the latest"
