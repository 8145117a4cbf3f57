"""Studies side by side: what each says to train with, and what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass

from lrtune.service.sentences.listing import progress
from lrtune.service.sentences.study import state_word
from lrtune.service.sentences.words import between, loss, rate
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.studies import Study, StudyStatus


@dataclass(frozen=True)
class Column:
    """A study as the table shows it; "" where it has nothing to say."""

    name: str
    state: str
    word: str
    """The state as it is shown."""
    rate: str
    interval: str
    expected: str
    best: str
    metric: str
    best_trial: int | None
    trials: str
    outcomes: str
    trained: str
    saved: str
    explanation: str


def column_of(study: Study, status: StudyStatus, counted: int) -> Column:
    """The column of a study, of whose trials so many count against its budget."""
    suggestion, best, counts = status.suggestion, status.best, status.trials
    outcomes = {name: count for name, count in counts.model_dump().items() if count}
    return Column(
        name=study.name,
        state="halted" if status.halted else status.state,
        word="halted" if status.halted else state_word(status.state, status.workers),
        rate="" if suggestion.learning_rate is None else rate(suggestion.learning_rate),
        interval="" if suggestion.interval is None else " to ".join(between(*suggestion.interval)),
        expected="" if suggestion.expected_value is None else loss(float(suggestion.expected_value)),
        best="" if best is None else loss(float(best.value)),
        metric=study.measured,
        best_trial=None if best is None else best.trial,
        trials=progress(counted if study.max_trials else study.trials, study.max_trials, "trial"),
        outcomes=", ".join(f"{count:,} {name}" for name, count in outcomes.items()),
        trained=f"{status.steps.trained:,}",
        saved=f"{status.steps.saved_by_pruning:,}",
        explanation=suggestion.explanation,
    )


def choices_of(studies: Sequence[Study], statuses: Sequence[StudyStatus]) -> list[tuple[str, tuple[str, ...]]]:
    """What each study suggests of every other parameter: its name, and a value a study."""
    told = []
    for study, status in zip(studies, statuses, strict=True):
        main = main_learning_rate(study.search_space)
        told.append({name: value for name, value in status.suggestion.params.items() if name != main})
    names = dict.fromkeys(name for params in told for name in params)
    return [(name, tuple(_shown(params.get(name)) for params in told)) for name in names]


def _shown(value: object) -> str:
    if value is None:
        return ""
    return rate(value) if isinstance(value, float) else str(value)
