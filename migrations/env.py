"""Alembic's entry: runs our revisions on the connection and with the options that the caller gives as `attributes`."""

from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], **given["options"])
with context.begin_transaction():
    context.run_migrations()
