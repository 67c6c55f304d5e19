"""Alembic's migrations of the table of jobs; `dfd.job_store.migrating` runs them."""
