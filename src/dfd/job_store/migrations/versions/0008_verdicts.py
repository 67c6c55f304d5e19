"""Lists of jobs by verdict."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_jobs_verdict", "jobs", ["verdict", "sequence"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_jobs_verdict", "jobs")
