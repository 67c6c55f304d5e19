"""The trace that a job's request was in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("traceparent", sa.String(55)))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("jobs", "traceparent")
