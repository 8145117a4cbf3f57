"""What the outside sees of a study, from the mirror. All of it under the engine's lock."""

from collections.abc import Iterator, Sequence

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.schema.attributes import ID_ATTR
from lrtune.service.tuning.fidelity.short_trainings import count_short, short_trainings_of
from lrtune.service.tuning.state.budget import state_of
from lrtune.service.tuning.state.outcomes import standard_error_of
from lrtune.service.tuning.state.rate_prior import prior_of
from lrtune.service.tuning.suggesting.space_warnings import warnings_of_space
from lrtune.service.tuning.suggesting.suggestion import latest
from lrtune.service.tuning.trials.standing import halted_text, standing_of
from lrtune.service.tuning.views.times import as_datetime
from lrtune.service.wire.studies import BestTrial, StepCounts, Study, StudyStatus, TrialCounts

STUDIES_A_SLICE = 10


def study_view(study: StudyFacts, *, with_warnings: bool = False) -> Study:
    """The study as `GET /v1/studies/{study}` shows it: its spec, with what was changed since; in lists without
    warnings, which take a look at each parameter's name."""
    spec = study.spec
    assert spec is not None
    fields = {name: getattr(spec, name) for name in type(spec).model_fields}
    fields |= {
        "id": study.system_attrs.get(ID_ATTR),
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "description": study.description,
        "prior": prior_of(spec, study.system_attrs),
        "short_trainings": short_trainings_of(spec, study.system_attrs),
        "paused": study.paused,
        "stopped": study.stopped,
        "state": state_of(study),
        "trials": study.trial_count,
        "created_at": as_datetime(study.created_at),
        "warnings": warnings_of_space(spec.search_space) if with_warnings else [],
    }
    return Study.model_construct(**fields)


def study_slices(studies: Sequence[StudyFacts]) -> Iterator[list[bytes]]:
    """The JSON of each, some at a time: a spec may be as large as a request."""
    for start in range(0, len(studies), STUDIES_A_SLICE):
        yield [study_view(study).model_dump_json().encode() for study in studies[start : start + STUDIES_A_SLICE]]


def status_view(study: StudyMirror) -> StudyStatus:
    """What a dashboard polls."""
    best, tally = study.best, study.tally
    shown = None
    if best is not None and best.value is not None:
        shown = BestTrial(
            trial=best.number, value=best.value, standard_error=standard_error_of(best), params=best.params
        )
    updated_at = as_datetime(study.updated_at)
    assert updated_at is not None
    return StudyStatus.model_validate(
        {
            "study": study.name,
            "version": study.version,
            "state": state_of(study),
            "explanation": standing_of(study),
            "halted": halted_text(study),
            "trials": TrialCounts(**tally.outcomes),
            "best": shown,
            "suggestion": latest(study),
            "workers": len({t.work.worker for t in study.leased.values() if t.work is not None}),
            "steps": StepCounts(
                trained=tally.trained,
                saved_by_pruning=tally.saved_by_pruning,
                spent_on_divergence=tally.spent_on_divergence,
            ),
            "short_trainings": count_short(study),
            "updated_at": updated_at,
        }
    )
