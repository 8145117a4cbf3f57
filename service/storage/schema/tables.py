"""Our own tables, beside Optuna's in the same database. Alembic looks at these alone.

Times are UTC seconds since the epoch: Optuna's naive datetimes changed their meaning between 4 and 5.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

PREFIX = "lrtune_"
VERSION_TABLE = "lrtune_alembic_version"

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"})

studies = Table(
    "lrtune_studies",
    metadata,
    Column("study_id", Integer, nullable=False, autoincrement=False),
    Column("spec", Text, nullable=False),
    Column("max_trials", BigInteger),
    Column("max_total_steps", BigInteger),
    Column("paused", Boolean, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("study_id"),
)
"""A study's spec as it was created, and what may change afterwards."""

trials = Table(
    "lrtune_trials",
    metadata,
    Column("trial_id", Integer, nullable=False, autoincrement=False),
    Column("study_id", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("leases", Integer, nullable=False),
    Column("leased", Boolean, nullable=False),
    Column("lease", String(64)),
    Column("worker", String(200)),
    Column("request_id", String(100)),
    Column("max_steps", BigInteger),
    Column("anneals", Boolean, nullable=False),
    Column("resumable", Boolean, nullable=False),
    Column("checkpoint_uri", Text),
    Column("checkpoint_step", BigInteger),
    Column("resumed_from", BigInteger),
    Column("lost_steps", BigInteger, nullable=False),
    Column("stop_reason", String(32)),
    Column("error", Text),
    PrimaryKeyConstraint("trial_id"),
    Index(None, "study_id"),
)
"""What Optuna's tables have no place for: the lease, the attempt, the checkpoint. When a lease ends is not
written: it lives in memory, and every lease starts anew when a writer takes over."""

superseded_reports = Table(
    "lrtune_superseded_reports",
    metadata,
    Column("trial_id", Integer, nullable=False, autoincrement=False),
    Column("lease_number", Integer, nullable=False, autoincrement=False),
    Column("step", BigInteger, nullable=False, autoincrement=False),
    Column("value", Double),
    Column("value_type", String(8), nullable=False),
    PrimaryKeyConstraint("trial_id", "lease_number", "step"),
)
"""Reports of a lease that was lost or given back, past the checkpoint that the next one went on from."""

range_tests = Table(
    "lrtune_range_tests",
    metadata,
    Column("study_id", Integer, nullable=False, autoincrement=False),
    Column("number", Integer, nullable=False, autoincrement=False),
    Column("request_id", String(100)),
    Column("digest", String(64), nullable=False),
    Column("findings", Text, nullable=False),
    Column("curve", Text, nullable=False),
    PrimaryKeyConstraint("study_id", "number"),
)
"""A study's range tests, numbered from 0: what they say, and their curves, as JSON."""

history = Table(
    "lrtune_history",
    metadata,
    Column("study_id", Integer, nullable=False, autoincrement=False),
    Column("optimizer", String(200), nullable=False),
    Column("family", String(200)),
    Column("learning_rate", Double),
    Column("batch_size", BigInteger),
    Column("total_steps", BigInteger),
    Column("trials", BigInteger, nullable=False),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("study_id", "optimizer"),
    Index(None, "optimizer", "updated_at"),
)
"""The best learning rate that a study found with an optimizer: what later studies start from."""

adoption = Table(
    "lrtune_adoption",
    metadata,
    Column("adoption_id", Integer, nullable=False, autoincrement=False),
    Column("set_up_by", String(64), nullable=False),
    Column("times", String(16), nullable=False),
    Column("timezones", Text, nullable=False),
    Column("trials_converted", Integer, nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("finished_at", Double),
    PrimaryKeyConstraint("adoption_id"),
)
"""At most one row: that the times of trials which Optuna 4 wrote in local time were made UTC, and from which zones."""
