"""The note that trials which Optuna 4 timed in local time were made UTC."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "lrtune_adoption",
        sa.Column("adoption_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("set_up_by", sa.String(64), nullable=False),
        sa.Column("times", sa.String(16), nullable=False),
        sa.Column("timezones", sa.Text(), nullable=False),
        sa.Column("trials_converted", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.PrimaryKeyConstraint("adoption_id", name="pk_lrtune_adoption"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("lrtune_adoption")
