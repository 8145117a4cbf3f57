"""A study in the list."""

from dataclasses import dataclass

from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.sql.reading.results import StudyResults, StudyTimes
from lrtune.service.tuning.listing.best_so_far import Line, line_of, line_of_results
from lrtune.service.tuning.state.budget import counted_trials, state_of
from lrtune.service.tuning.state.failing import halt_of
from lrtune.service.tuning.suggesting.suggestion import worked_out
from lrtune.service.wire.studies import StudySpec


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the budget is used: trials or steps, `of` None where there is no limit."""

    done: int
    of: int | None
    unit: str = "trial"
    recorded: int = 0
    """Trials from elsewhere, which take no place of the budget."""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None without a limit."""
        return None if self.of is None else min(1.0, self.done / self.of)


@dataclass(frozen=True, slots=True)
class StudyRow:
    """What the list shows of a study. Times are seconds since the epoch."""

    name: str
    state: str
    """running, paused, finished, halted; or unreadable."""
    created_at: float | None = None
    updated_at: float | None = None
    why: str = ""
    """Of a halted study the error that its trials end with; of an unreadable one why."""
    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    progress: Progress | None = None
    trials: int = 0
    workers: int = 0
    metric: str = ""
    best: float | None = None
    best_so_far: Line = ()
    rate: float | None = None
    interval: tuple[float, float] | None = None
    is_guess: bool = False
    """Whether no training of the study tells of the rate."""


def row_in_memory(study: StudyMirror) -> StudyRow:
    """That of a study that is in memory. Under the engine's lock; what was suggested last, if that is kept."""
    best, line, suggestion = study.best, line_of(study), worked_out(study)
    return _row(
        study,
        StudyTimes(study.study_id, study.version, study.created_at, study.updated_at),
        progress=_progress(study, study.tally.failed_trials),
        workers=len({trial.work.worker for trial in study.leased.values() if trial.work is not None}),
        best=None if best is None else best.value,
        line=line,
        rate=None if suggestion is None else suggestion.learning_rate,
        interval=None if suggestion is None else suggestion.interval,
        is_guess=suggestion is not None and suggestion.basis == "prior",
    )


def row_on_disk(study: StudyFacts, times: StudyTimes, results: StudyResults) -> StudyRow:
    """That of a study that is not: nothing is suggested of it, and nobody trains it."""
    line = line_of_results(results, maximizes=_spec(study).direction == "maximize")
    return _row(
        study,
        times,
        progress=_progress(study, results.states[TrialState.FAIL]),
        best=line[-1][1] if line else None,
        line=line,
    )


def _row(
    study: StudyFacts,
    times: StudyTimes,
    *,
    progress: Progress,
    best: float | None,
    line: Line,
    workers: int = 0,
    rate: float | None = None,
    interval: tuple[float, float] | None = None,
    is_guess: bool = False,
) -> StudyRow:
    spec, state, halt = _spec(study), state_of(study), halt_of(study)
    halted = state == "paused" and not study.paused and halt is not None
    return StudyRow(
        name=study.name,
        state="halted" if halted else state,
        why=halt.error if halted and halt is not None else "",
        created_at=times.created_at,
        updated_at=times.updated_at,
        description=study.description,
        tags=tuple(spec.tags.items()),
        progress=progress,
        trials=study.trial_count,
        workers=workers,
        metric=spec.measured,
        best=best,
        best_so_far=line,
        rate=rate,
        is_guess=is_guess,
        interval=interval,
    )


def _progress(study: StudyFacts, failed: int) -> Progress:
    """Against the budget of steps where there is one, else of trials. A summary has not counted what failed."""
    spec, tally = _spec(study), study.tally
    recorded = study.trial_count - tally.spent_trials
    if study.max_total_steps is not None and study.max_trials is None:
        return Progress(tally.trained, study.max_total_steps, "step", recorded)
    if study.max_trials is None:
        return Progress(study.trial_count, None)
    counted = counted_trials(study)
    if not isinstance(study, StudyMirror) and not tally.failed_trials and not spec.failed_counts:
        counted -= min(failed, counted)
    return Progress(counted, study.max_trials, recorded=recorded)


def _spec(study: StudyFacts) -> StudySpec:
    assert study.spec is not None, "only studies that lrtune made are listed"
    return study.spec
