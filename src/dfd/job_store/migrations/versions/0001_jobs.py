"""Jobs and their reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "jobs",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(256)),
        sa.Column("callback_url", sa.Text()),
        sa.Column("submission_key", sa.String(256)),
        sa.Column("submission_fingerprint", sa.String(64)),
        sa.Column("submission_position", sa.Integer()),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("input_sha256", sa.String(64), nullable=False),
        sa.Column("input_bytes", sa.BigInteger(), nullable=False),
        sa.Column("input_key", sa.String(256)),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("not_before_s", sa.Float(53), nullable=False),
        sa.Column("expires_at_s", sa.Float(53)),
        sa.Column("started_at_s", sa.Float(53)),
        sa.Column("finished_at_s", sa.Float(53)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(256)),
        sa.Column("lease_expires_at_s", sa.Float(53)),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("done_frames", sa.Integer(), nullable=False),
        sa.Column("total_frames", sa.Integer()),
        sa.Column("failure_code", sa.String(64)),
        sa.Column("failure_message", sa.Text()),
        sa.Column("verdict", sa.String(16)),
        sa.Column("fake_probability", sa.Float(53)),
        sa.Column("result_key", sa.String(64)),
        sa.Column("answered_from", sa.String(64)),
        sa.UniqueConstraint("submission_key", "submission_position", name="uq_jobs_submission"),
    )
    _index_jobs()
    op.create_table(
        "job_reports",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
    )


def _index_jobs() -> None:
    op.create_index("ix_jobs_turn", "jobs", ["state", sa.text("priority DESC"), "sequence"])
    op.create_index("ix_jobs_state", "jobs", ["state", "sequence"])
    op.create_index("ix_jobs_external_id", "jobs", ["external_id", "sequence"])
    op.create_index("ix_jobs_lease", "jobs", ["lease_expires_at_s"])
    op.create_index("ix_jobs_expiry", "jobs", ["state", "expires_at_s"])
    op.create_index("ix_jobs_finished", "jobs", ["finished_at_s"])
    kept = sa.text("input_key IS NOT NULL")
    op.create_index("ix_jobs_input", "jobs", ["finished_at_s"], sqlite_where=kept, postgresql_where=kept)
    op.create_index("ix_jobs_result_key", "jobs", ["result_key", "sequence"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("job_reports")
    op.drop_table("jobs")
