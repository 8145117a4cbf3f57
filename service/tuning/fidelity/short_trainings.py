"""What the other rooms ask about short trainings: which trials are short, and which of them tell of full ones.

A trial of the ladder (`fidelity.ladder`) is known by `LADDER_ATTR`, its length. One that is shorter than a full
training ends as a pruned trial of Optuna's, whose outcome here is `complete`: whoever compares values compares those of
full trainings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from optuna.trial import FrozenTrial

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import CHOSEN_SHORT_TRAININGS_ATTR, LADDER_ATTR, whole_number
from lrtune.service.tuning.auto.ladder.ladder import lengths_of
from lrtune.service.tuning.auto.observed import has_diverged
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire import methods
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import FloatParameter
from lrtune.service.wire.studies import StudySpec


@dataclass
class _Ladder:
    """The ladder's trials among the first `upto`."""

    upto: int = 0
    numbers: list[int] = field(default_factory=list)


def short_trainings_of(spec: StudySpec, system_attrs: Mapping[str, Any]) -> Literal["auto", "none"]:
    """The study's `short_trainings` as it is now."""
    return "none" if system_attrs.get(CHOSEN_SHORT_TRAININGS_ATTR, spec.short_trainings) == "none" else "auto"


def climbs(spec: StudySpec) -> bool:
    """Whether short trainings are asked of a trainer that anneals within its lease: where the rate is all that is
    searched, all is left to `auto`, and there is a length to shorten."""
    name = main_learning_rate(spec.search_space)
    parameter = spec.search_space.get(name) if name is not None else None
    return (
        isinstance(spec.sampler, methods.AutoSampler)
        and isinstance(spec.pruner, methods.AutoPruner)
        and spec.max_steps is not None
        and len(lengths_of(spec.max_steps)) > 1
        and not steps_are_folds(spec)
        and len(spec.search_space) == 1
        and isinstance(parameter, FloatParameter)
        and parameter.log
    )


def is_ladder(trial: TrialMirror) -> bool:
    """Whether the ladder asked for this trial, at whatever length."""
    return ladder_steps(trial.system_attrs) is not None


def ladder_steps(system_attrs: Mapping[str, Any]) -> int | None:
    """The length that the ladder gave a trial with these system attributes; None of a trial of anybody else."""
    return whole_number(system_attrs, LADDER_ATTR) or None


def is_short(system_attrs: Mapping[str, Any], max_steps: int | None) -> bool:
    """Whether a trial with these system attributes was given less than a full training."""
    return max_steps is not None and (ladder_steps(system_attrs) or max_steps) < max_steps


def tells_of_full(trial: FrozenTrial, max_steps: int | None) -> bool:
    """Whether a trial is evidence about full trainings as it stands. A short one is where it diverged: a full one
    would, too."""
    return not is_short(trial.system_attrs, max_steps) or has_diverged(trial, failed_counts=False)


def for_full(spec: StudySpec, snapshot: Snapshot) -> Snapshot:
    """What the samplers of full trainings are shown of a snapshot."""
    if not any(LADDER_ATTR in trial.system_attrs for trial in snapshot.trials):
        return snapshot
    return replace(snapshot, trials=[trial for trial in snapshot.trials if tells_of_full(trial, spec.max_steps)])


def ladder_of(study: StudyMirror) -> list[TrialMirror]:
    """The trials of the study's ladder, by number. Each trial is looked at once. Under the engine's lock."""
    if study.spec is None or not climbs(study.spec):
        return []
    known = study.derived(_Ladder)
    known.numbers += [trial.number for trial in study.trials[known.upto :] if is_ladder(trial)]
    known.upto = len(study.trials)
    return [study.trials[number] for number in known.numbers]


def count_short(study: StudyMirror) -> int:
    """The complete trials that were short. Under the engine's lock."""
    full = study.spec.max_steps if study.spec is not None else None
    return sum(t.outcome == "complete" and is_short(t.system_attrs, full) for t in ladder_of(study))
