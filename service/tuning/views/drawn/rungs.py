"""How far a study's trials came, over the latest of them. Under the engine's lock."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from lrtune.service.pictures.progress.rungs import Rung, Rungs
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.auto.evidence import checkpoint_steps
from lrtune.service.tuning.auto.ladder.ladder import lengths_of
from lrtune.service.tuning.auto.policy.rungs import RUNGS
from lrtune.service.tuning.fidelity.short_trainings import climbs, short_trainings_of
from lrtune.service.tuning.suggesting.shown_trials import outcome_of
from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec

_LATEST = 2_000
_MOST_RUNGS = 12


def rungs_of(study: StudyMirror) -> Rungs:
    """The steps at which trials are judged, how many of the latest trials came there, and what became of them."""
    spec = study.spec
    assert spec is not None
    seen = [trial for trial in study.trials[-_LATEST:] if trial.last_step is not None]
    steps = [trial.last_step or 0 for trial in seen]
    full = spec.max_steps or max(steps, default=0)
    marks = [0, *rung_steps(study, full)]
    ended: list[Counter[str]] = [Counter() for _ in marks]
    for trial, step in zip(seen, steps, strict=True):
        ended[bisect_right(marks, step) - 1][outcome_of(study, trial)[0]] += 1
    later, rungs = 0, []
    for mark, counts in zip(reversed(marks), reversed(ended), strict=True):
        rungs.append(Rung(mark, later, dict(counts)))
        later += counts.total()
    rungs.reverse()
    if rungs and not rungs[0].ended:
        del rungs[0]
    outcomes = study.tally.outcomes
    begun = sum(outcomes[name] for name in outcomes if name != "waiting")
    return Rungs(study.name, rungs, len(seen), max(begun, len(seen)) if len(study.trials) > _LATEST else len(seen))


def rung_steps(study: StudyMirror, full: int) -> list[int]:
    """The steps at which trials of this study are compared, rising, the last is that of a `full` training."""
    spec = study.spec
    assert spec is not None
    if full < 1:
        return []
    found = {full, *(step for step in _steps(spec, study.system_attrs, full) if 0 < step < full)}
    ordered = sorted(found)
    return ordered if len(ordered) <= _MOST_RUNGS else [*ordered[: _MOST_RUNGS - 1], full]


def _steps(spec: StudySpec, system_attrs: dict[str, object], full: int) -> Sequence[int]:
    pruner = spec.pruner.wrapped if isinstance(spec.pruner, methods.PatientPruner) else spec.pruner
    if climbs(spec) and short_trainings_of(spec, system_attrs) == "auto":
        return lengths_of(full)
    if isinstance(pruner, methods.AshaPruner):
        return _halving(pruner.min_resource, pruner.reduction_factor, full, pruner.min_early_stopping_rate)
    if isinstance(pruner, methods.HyperbandPruner):
        return _halving(pruner.min_resource, pruner.reduction_factor, full)
    steps = checkpoint_steps(full)
    return [steps[at] for at in RUNGS]


def _halving(least: int | float | str, factor: int, full: int, rate: int = 0) -> list[int]:
    """The rungs of successive halving. Source: L. Li and others, "A system for massively parallel hyperparameter
    tuning", MLSys 2020."""
    step = 1.0 if isinstance(least, str) else float(least) * float(factor) ** rate
    found: list[int] = []
    while step < full and len(found) < _MOST_RUNGS:
        found.append(round(step))
        step *= factor
    return found
