"""Who created which studies."""

from sqlalchemy import Connection, distinct, func, select

from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.schema.tables import audit, studies


def count_created(connection: Connection, token_id: str) -> int:
    """How many studies exist that were created with this token: by the API, and by Optuna's protocol as far back as
    the audit goes."""
    ours = select(func.count()).select_from(studies).where(studies.c.created_by == token_id)
    theirs = optuna_tables.studies
    optunas = (
        select(func.count(distinct(theirs.c.study_id)))
        .select_from(audit.join(theirs, theirs.c.study_name == audit.c.subject))
        .where(audit.c.token_id == token_id, audit.c.action == "study.create")
        .where(theirs.c.study_id.not_in(select(studies.c.study_id)))
    )
    return sum(int(connection.execute(query).scalar_one()) for query in (ours, optunas))
