"""The best learning rates of past studies."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "lrtune_history",
        sa.Column("study_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("optimizer", sa.String(200), nullable=False),
        sa.Column("family", sa.String(200)),
        sa.Column("learning_rate", sa.Double()),
        sa.Column("batch_size", sa.Integer()),
        sa.Column("total_steps", sa.Integer()),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "optimizer", name="pk_lrtune_history"),
    )
    op.create_index("ix_lrtune_history_optimizer", "lrtune_history", ["optimizer", "updated_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("lrtune_history")
