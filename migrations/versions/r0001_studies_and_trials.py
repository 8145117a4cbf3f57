"""Studies, leases and superseded reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create our first tables."""
    op.create_table(
        "lrtune_studies",
        sa.Column("study_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("max_trials", sa.Integer()),
        sa.Column("max_total_steps", sa.Integer()),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", name="pk_lrtune_studies"),
    )
    op.create_table(
        "lrtune_trials",
        sa.Column("trial_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("leases", sa.Integer(), nullable=False),
        sa.Column("leased", sa.Boolean(), nullable=False),
        sa.Column("lease", sa.String(64)),
        sa.Column("worker", sa.String(200)),
        sa.Column("request_id", sa.String(100)),
        sa.Column("max_steps", sa.Integer()),
        sa.Column("anneals", sa.Boolean(), nullable=False),
        sa.Column("resumable", sa.Boolean(), nullable=False),
        sa.Column("checkpoint_uri", sa.Text()),
        sa.Column("checkpoint_step", sa.Integer()),
        sa.Column("resumed_from", sa.Integer()),
        sa.Column("lost_steps", sa.Integer(), nullable=False),
        sa.Column("stop_reason", sa.String(32)),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("trial_id", name="pk_lrtune_trials"),
    )
    op.create_index("ix_lrtune_trials_study_id", "lrtune_trials", ["study_id"])
    op.create_table(
        "lrtune_superseded_reports",
        sa.Column("trial_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lease_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("value_type", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "lease_number", "step", name="pk_lrtune_superseded_reports"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("lrtune_superseded_reports")
    op.drop_index("ix_lrtune_trials_study_id", table_name="lrtune_trials")
    op.drop_table("lrtune_trials")
    op.drop_table("lrtune_studies")
