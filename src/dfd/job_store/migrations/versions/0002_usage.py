"""Counts of what callers ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "usage",
        sa.Column("caller", sa.String(128), primary_key=True),
        sa.Column("window", sa.String(32), primary_key=True),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("ends_at_s", sa.Float(53), nullable=False),
    )
    op.create_index("ix_usage_ends", "usage", ["ends_at_s"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("usage")
