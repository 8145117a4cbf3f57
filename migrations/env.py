"""Alembic's entry: runs our revisions on a connection that the caller holds."""

from typing import Any

from alembic import context

from lrtune.service.storage.schema.tables import PREFIX, VERSION_TABLE, metadata


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave Optuna's tables alone: unfiltered, autogenerate proposes to drop them."""
    return kind != "table" or (name is not None and name.startswith(PREFIX) and name != VERSION_TABLE)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_is_ours,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
