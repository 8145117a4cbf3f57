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
    Column("created_by", String(32)),
    PrimaryKeyConstraint("study_id"),
)
"""A study's spec as it was created, by which token, and what may change afterwards."""

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

tokens = Table(
    "lrtune_tokens",
    metadata,
    Column("token_id", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Column("kind", String(8), nullable=False),
    Column("of_token", String(32)),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("token_id"),
    Index(None, "digest", unique=True),
)
"""Who may do what. Of a secret its SHA-256 is kept alone: it has 256 random bits, which nobody guesses. `kind` is
`token`; or it is another secret of the token `of_token`, and ends with that: `session`, a browser that signed in with
it, or `former`, what the token's secret was before it was rotated. `scopes` and `limits` are JSON, `version` is that of
`lrtune_access_version` at its last change."""

processes = Table(
    "lrtune_processes",
    metadata,
    Column("backend_pid", Integer, nullable=False, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("since", Double, nullable=False),
    Column("leaving", Boolean, nullable=False),
    PrimaryKeyConstraint("backend_pid"),
)
"""The processes that share this database out among them, each by the server's process for the connection on which it
commits and holds its locks: which shards it serves, `pg_locks` says. Rows of processes that are gone are removed by the
next one. By the secret, processes know each other. Of one moment, so no backup has it."""

access_version = Table(
    "lrtune_access_version",
    metadata,
    Column("row_id", Integer, nullable=False, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("row_id"),
)
"""At most one row, whose version every change of the tokens counts up: other processes look at it to notice one."""

audit = Table(
    "lrtune_audit",
    metadata,
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("token_id", String(32)),
    Column("address", String(64)),
    Column("via", String(16), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    PrimaryKeyConstraint("entry_id"),
    Index(None, "at", "entry_id"),
    Index(None, "subject", "at", "entry_id"),
    Index(None, "token_id", "at", "entry_id"),
    Index(None, "action", "at", "entry_id"),
)
"""What was done to studies and tokens, by whom. Nothing here is ever changed; what is older than is kept is removed.
`before` and `after` are JSON. A study's entries stay when it is deleted. They are read by time, the latest first, with
an index for each filter."""
