"""The specs of studies as they are stored, read leniently.

Another version of lrtune may have written them: a field that this one does not know is passed over. What is wrong in
any other way makes the study unreadable, and that one alone.
"""

import re

from pydantic import ValidationError
from sqlalchemy import Connection, select

from lrtune.service.storage.errors import StudyUnreadable
from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.wire.search_space import STORED
from lrtune.service.wire.studies import StudySpec

_LONGEST = 200
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape in JSON, and not the six characters after an escaped backslash."""


def read_spec(text: str) -> StudySpec:
    """The spec of its stored form. Raises ValueError. A NUL in a text, which versions before this one took on SQLite,
    is read as U+FFFD."""
    try:
        return _read(text)
    except ValueError:
        if "\\u0000" not in text:
            raise
        return _read(_NUL.sub(r"\1\\ufffd", text))


def _read(text: str) -> StudySpec:
    return StudySpec.model_validate_json(text, extra="ignore", context={STORED: True})


def unreadable_specs(connection: Connection) -> dict[int, StudyUnreadable]:
    """The studies whose specs cannot be read, by id. Reads the specs of all."""
    own, theirs = tables.studies.c, optuna_tables.studies.c
    rows = connection.execute(
        select(own.study_id, own.spec, theirs.study_name).join_from(
            tables.studies, optuna_tables.studies, own.study_id == theirs.study_id
        )
    )
    found = {}
    for study_id, text, name in rows:
        try:
            read_spec(text)
        except ValueError as error:
            found[study_id] = StudyUnreadable(name, why_unreadable(error))
    return found


def why_unreadable(error: Exception) -> str:
    """What is wrong, in one short line without the values that are stored."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"spec.{where}: {first['msg']}" if where else f"spec: {first['msg']}"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST]
