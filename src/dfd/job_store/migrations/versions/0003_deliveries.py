"""Deliveries of the events of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "job_deliveries",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("due_at_s", sa.Float(53)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at_s", sa.Float(53)),
        sa.Column("finished_at_s", sa.Float(53)),
        sa.Column("log", sa.Text(), nullable=False),
    )
    due = sa.text("due_at_s IS NOT NULL")
    op.create_index("ix_job_deliveries_due", "job_deliveries", ["due_at_s"], sqlite_where=due, postgresql_where=due)


def downgrade() -> None:
    """Remove it."""
    op.drop_table("job_deliveries")
