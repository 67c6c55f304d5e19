"""Run by Alembic: works on the connection that it is given, inside the transaction that is open on it."""

from alembic import context

from dfd.job_store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # SQLite can, once it is told where transactions begin
)
context.run_migrations()
