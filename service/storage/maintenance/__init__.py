"""What is done to a whole database: its schema, backups, checks.

`upgrade` creates and upgrades Optuna's tables (by Optuna) and ours (by Alembic); `backup` and `restore` move all rows
by `table_copy`, beside a service or into an empty database; `check` looks for damage and for rows that lead nowhere;
`adoption_record` is the note that times were made UTC.
"""
