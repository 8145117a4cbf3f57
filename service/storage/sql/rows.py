"""Parts of a trial as the rows that write them."""

from typing import Any

from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.memory.trial import WORK_COLUMNS
from lrtune.service.storage.schema import codecs
from lrtune.service.storage.sql.statements import Op, Row


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


def work_row(trial: TrialMirror, study_id: int) -> Row:
    """What we keep of it, its lease among that."""
    work = trial.work
    assert work is not None
    row = {name: getattr(work, name) for name in WORK_COLUMNS}
    return Op.SET_OUR_TRIAL, row | {"trial_id": trial.trial_id, "study_id": study_id}


def state_columns(trial: TrialMirror) -> dict[str, Any]:
    """Its state and its times, for rows that insert or update it."""
    return {
        "state": trial.state.name,
        "datetime_start": codecs.show_time_text(trial.started_at),
        "datetime_complete": codecs.show_time_text(trial.finished_at),
    }
