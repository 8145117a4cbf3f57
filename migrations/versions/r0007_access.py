"""Tokens, and what was done by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; note by which token a study is created."""
    with op.batch_alter_table("lrtune_studies") as studies:
        studies.add_column(sa.Column("created_by", sa.String(32)))
    op.create_table(
        "lrtune_tokens",
        sa.Column("token_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("of_token", sa.String(32)),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_lrtune_tokens"),
    )
    op.create_index("ix_lrtune_tokens_digest", "lrtune_tokens", ["digest"], unique=True)
    op.create_table(
        "lrtune_access_version",
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_lrtune_access_version"),
    )
    op.create_table(
        "lrtune_audit",
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("token_id", sa.String(32)),
        sa.Column("address", sa.String(64)),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.PrimaryKeyConstraint("entry_id", name="pk_lrtune_audit"),
    )
    op.create_index("ix_lrtune_audit_at", "lrtune_audit", ["at", "entry_id"])
    for column in ("subject", "token_id", "action"):
        op.create_index(f"ix_lrtune_audit_{column}", "lrtune_audit", [column, "at", "entry_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("lrtune_audit")
    op.drop_table("lrtune_access_version")
    op.drop_table("lrtune_tokens")
    with op.batch_alter_table("lrtune_studies") as studies:
        studies.drop_column("created_by")
