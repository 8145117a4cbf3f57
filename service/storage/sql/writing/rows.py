"""Studies, trials and their parts as the rows that write them.

The values are what the drivers take: enumerations by their names, times and JSON as text.
"""

from collections.abc import Mapping
from typing import Any

from lrtune.service.storage.memory.actor import Actor
from lrtune.service.storage.memory.range_tests import StoredRangeTest
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.memory.trial import WORK_COLUMNS
from lrtune.service.storage.schema import codecs
from lrtune.service.storage.sql.reading.past_rates import PastRate
from lrtune.service.storage.sql.writing.audited import audited_text
from lrtune.service.storage.sql.writing.statements import Op, Row
from lrtune.service.wire.base import storable_part
from lrtune.service.wire.studies import StudySpec

# Studies


def study_rows(study: StudyMirror) -> list[Row]:
    """A new study as Optuna keeps it, with its directions."""
    rows: list[Row] = [(Op.INSERT_STUDY, {"study_id": study.study_id, "study_name": study.name})]
    for objective, direction in enumerate(study.directions):
        row = {"study_id": study.study_id, "objective": objective, "direction": direction.name}
        rows.append((Op.INSERT_DIRECTION, row))
    return rows


def our_study_row(study: StudyMirror, spec: StudySpec, created_by: str | None) -> Row:
    """What we keep of a new study; `created_by` is the id of a token."""
    row: dict[str, Any] = {"study_id": study.study_id, "spec": spec.model_dump_json(), "version": 0}
    row |= _settings(study) | {"created_at": study.created_at, "updated_at": study.updated_at}
    row["created_by"] = created_by
    return Op.INSERT_OUR_STUDY, row


def settings_row(study: StudyMirror) -> Row:
    """What of a study may be changed after its creation."""
    return Op.UPDATE_OUR_STUDY, {"of_study_id": study.study_id, **_settings(study)}


def _settings(study: StudyMirror) -> dict[str, Any]:
    return {
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "paused": study.paused,
        "stopped": study.stopped,
        "description": study.description,
    }


def study_attr_row(study: StudyMirror, key: str, value_json: str, *, system: bool) -> Row:
    """One of its system or user attributes."""
    row = {"study_id": study.study_id, "key": key, "value_json": value_json}
    return (Op.SET_STUDY_SYSTEM_ATTR if system else Op.SET_STUDY_USER_ATTR), row


def range_test_row(study: StudyMirror, test: StoredRangeTest, curve_json: str) -> Row:
    """One of its range tests."""
    row = {"study_id": study.study_id, "number": test.shown.number, "request_id": test.request_id}
    row |= {"digest": test.digest, "findings": test.shown.model_dump_json(), "curve": curve_json}
    return Op.INSERT_RANGE_TEST, row


def past_rate_row(study: StudyMirror, found: PastRate, now: float) -> Row:
    """What it found with one optimizer, for later studies."""
    row: dict[str, Any] = {name: getattr(found, name) for name in PastRate.__slots__}
    row |= {name: codecs.storable_text(row[name]) for name in ("optimizer", "family")}
    return Op.SET_HISTORY, row | {"study_id": study.study_id, "updated_at": now}


def audit_row(
    actor: Actor,
    at: float,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> Row:
    """What somebody did to a study, or to a token; nothing of it can make the database refuse the row. Its time is
    rounded to microseconds, as it is shown: who asks for what was done since then is told of this, too."""
    row: dict[str, Any] = {"at": round(at, 6), "action": action, "subject": subject}
    row |= {"token_id": actor.token_id, "via": actor.via}
    row |= {"actor": storable_part(actor.name), "address": actor.address and storable_part(actor.address)[:64]}
    return Op.INSERT_AUDIT, row | {"before": audited_text(before), "after": audited_text(after)}


# Trials


def trial_row(trial: TrialMirror, study: StudyMirror) -> Row:
    """A trial that the study does not have yet, without what belongs to it."""
    row: dict[str, Any] = {"trial_id": trial.trial_id, "number": trial.number, "study_id": study.study_id}
    row["after"] = study.trials[-1].trial_id if study.trials else None
    return Op.INSERT_TRIAL, row | _state_columns(trial)


def state_row(trial: TrialMirror) -> Row:
    """Its state and its times."""
    return Op.UPDATE_TRIAL, {"of_trial_id": trial.trial_id, **_state_columns(trial)}


def _state_columns(trial: TrialMirror) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "datetime_start": codecs.show_time_text(trial.started_at),
        "datetime_complete": codecs.show_time_text(trial.finished_at),
    }


def param_row(trial: TrialMirror, name: str, internal_value: float, distribution_json: str) -> Row:
    """One of its parameters, the value in Optuna's internal representation."""
    row = {"trial_id": trial.trial_id, "param_name": name}
    return Op.SET_PARAM, row | {"param_value": internal_value, "distribution_json": distribution_json}


def trial_attr_row(trial: TrialMirror, key: str, value_json: str, *, system: bool) -> Row:
    """One of its system or user attributes."""
    row = {"trial_id": trial.trial_id, "key": key, "value_json": value_json}
    return (Op.SET_TRIAL_SYSTEM_ATTR if system else Op.SET_TRIAL_USER_ATTR), row


def value_rows(trial: TrialMirror) -> list[Row]:
    """Its values, one for each objective."""
    rows: list[Row] = []
    for objective, value in enumerate(trial.values or ()):
        stored, kind = codecs.show_value(value)
        row = {"trial_id": trial.trial_id, "objective": objective, "value": stored, "value_type": kind.name}
        rows.append((Op.SET_VALUE, row))
    return rows


def report_row(trial: TrialMirror, step: int, value: float) -> Row:
    """Its value at a step."""
    stored, kind = codecs.show_intermediate_text(value)
    row = {"trial_id": trial.trial_id, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}
    return Op.SET_INTERMEDIATE, row


def curve_rows(trial: TrialMirror) -> list[Row]:
    """Its values at all its steps."""
    return [report_row(trial, step, value) for step, value in trial.intermediate.items()]


def superseded_row(trial: TrialMirror, lease_number: int, step: int, value: float) -> Row:
    """A value that a lost lease reported past the checkpoint that the next one went on from."""
    stored, kind = codecs.show_intermediate_text(value)
    row = {"trial_id": trial.trial_id, "lease_number": lease_number, "step": step}
    return Op.INSERT_SUPERSEDED, row | {"value": stored, "value_type": kind}


def work_row(trial: TrialMirror, study_id: int) -> Row:
    """What we keep of it, its lease among that."""
    work = trial.work
    assert work is not None
    row = {name: getattr(work, name) for name in WORK_COLUMNS}
    return Op.SET_OUR_TRIAL, row | {"trial_id": trial.trial_id, "study_id": study_id}
