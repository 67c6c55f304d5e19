"""Feedback on jobs, the threshold that a job was judged by, and counts of what was analysed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.add_column("jobs", sa.Column("threshold", sa.Float(53)))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "job_feedback",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.job_id")),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(8), nullable=False),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("reviewer", sa.String(128)),
        sa.Column("model_name", sa.String(256), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("weights_sha256", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("fake_probability", sa.Float(53)),
        sa.Column("threshold", sa.Float(53), nullable=False),
        sa.Column("faces", sa.Text(), nullable=False),
        sa.Column("input_sha256", sa.String(64)),
    )
    op.create_index("ix_job_feedback_job", "job_feedback", ["job_id", "number"])
    op.create_index("ix_job_feedback_model", "job_feedback", ["model_name", "model_version", "number"])
    op.create_index("ix_job_feedback_weights", "job_feedback", ["model_name", "weights_sha256", "number"])
    gone = sa.text("job_id IS NULL")
    op.create_index("ix_job_feedback_gone", "job_feedback", ["created_at_s"], sqlite_where=gone, postgresql_where=gone)
    op.create_table(
        "model_tallies",
        sa.Column("model_name", sa.String(256), primary_key=True),
        sa.Column("model_version", sa.String(64), primary_key=True),
        sa.Column("measure", sa.String(32), primary_key=True),
        sa.Column("binning", sa.String(16), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("bin", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_index("ix_model_tallies_hour", "model_tallies", ["hour"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("model_tallies")
    op.drop_table("job_feedback")
    op.drop_column("jobs", "threshold")
