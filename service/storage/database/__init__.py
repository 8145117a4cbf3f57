"""One database's connections: readers', and the one that may write.

One process writes a database at a time (`writer_lock`). On PostgreSQL it holds an advisory lock on the connection
that commits, so a deposed writer cannot commit, and a standby takes over from one that has been silent for 20 s; on
SQLite it is a lock file beside the database, which the system frees when the process ends; `sqlite_file` watches that
lock and file are still those. `locked` holds that connection, `database` writes batches on it; `readable` is a pool to
read from, and `read_only` looks at a database without making anything. `postgres_session` sets what we rely on, and
refuses what cannot be relied on; `shown` masks the secrets of a URL. SQLite runs in WAL mode with `synchronous=FULL`,
PostgreSQL with `synchronous_commit=on` or more (`connections`). A batch goes to PostgreSQL in one round trip
(`postgres_transaction`, over `postgres_pipeline`). What goes wrong is told by `driver_errors` alone.
"""
