"""Steps, budgets and batch sizes of 64 bits: sums of them pass 32."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WIDENED = {
    "lrtune_studies": {"max_trials": True, "max_total_steps": True},
    "lrtune_trials": {"max_steps": True, "checkpoint_step": True, "resumed_from": True, "lost_steps": False},
    "lrtune_superseded_reports": {"step": False},
    "lrtune_history": {"batch_size": True, "total_steps": True, "trials": False},
}
"""Whether each column may be NULL, by table and name."""


def upgrade() -> None:
    """Widen the columns."""
    _change(sa.Integer(), sa.BigInteger())


def downgrade() -> None:
    """Take them back to 32 bits; PostgreSQL refuses where a value does not fit."""
    _change(sa.BigInteger(), sa.Integer())


def _change(before: sa.types.TypeEngine[int], after: sa.types.TypeEngine[int]) -> None:
    for table, columns in _WIDENED.items():
        with op.batch_alter_table(table) as batch:
            for name, nullable in columns.items():
                batch.alter_column(name, existing_type=before, type_=after, existing_nullable=nullable)
