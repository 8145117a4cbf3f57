"""What a study has tried of its parameters: samples of bounded size. All of it under the engine's lock."""

import math
from collections.abc import Sequence

from lrtune.service.pictures.space.parallel import MOST_PARAMETERS, SpaceSeen, Tried
from lrtune.service.pictures.space.parameter import OverParameter, Placed
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.suggesting.shown_trials import counts_of, outcome_of, shown_trials
from lrtune.service.wire.learning_rates import main_learning_rate

_BEST, _MOST = 50, 200


def sample(study: StudyMirror, *, best: int, most: int) -> list[int]:
    """Numbers of complete trials, best first: the `best` ones, and others evenly over the ranking."""
    count = len(study.ranking)
    places: Sequence[int] = range(count)
    if count > most:
        rest = count - best
        places = [*range(best), *(best + at * rest // (most - best) for at in range(most - best))]
    return [study.ranking[place][1] for place in places]


def space_of(study: StudyMirror, important: Sequence[str]) -> SpaceSeen:
    """The study's complete trials over its parameters: those that are `important`, the first where none is known to
    be, in the order of the search space."""
    spec = study.spec
    assert spec is not None
    known = [name for name in important if name in spec.search_space]
    chosen = set([*known, *(name for name in spec.search_space if name not in known)][:MOST_PARAMETERS])
    trials = [study.trials[number] for number in sample(study, best=_BEST, most=_MOST)]
    return SpaceSeen(
        study=study.name,
        metric=spec.measured,
        maximizes=study.maximizes,
        space=spec.search_space,
        names=[name for name in spec.search_space if name in chosen],
        by_importance=bool(known),
        trials=[Tried(trial.number, trial.values[0], trial.params) for trial in trials if trial.values],
        complete=len(study.ranking),
    )


def over_parameter(study: StudyMirror, name: str | None) -> OverParameter:
    """The study's trials over one of its parameters: the learning rate, or else the first, where none is named.

    Raises InvalidField.
    """
    spec = study.spec
    assert spec is not None
    chosen = name or main_learning_rate(spec.search_space) or next(iter(spec.search_space))
    if chosen not in spec.search_space:
        raise InvalidField(("parameter",), f"study {study.name} searches no {chosen!r}")
    placed = []
    for trial in shown_trials(study):
        state, value = outcome_of(study, trial)
        if value is not None and not math.isfinite(value):
            value = None
        placed.append(Placed(trial.number, state, trial.params.get(chosen), value))
    return OverParameter(
        study=study.name,
        metric=spec.measured,
        maximizes=study.maximizes,
        name=chosen,
        parameter=spec.search_space[chosen],
        trials=placed,
        counts=counts_of(study),
    )
