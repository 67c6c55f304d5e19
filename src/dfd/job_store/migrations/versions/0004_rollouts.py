"""Rollouts of models, and what was observed during them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rollouts",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("rollout_id", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("champion", sa.String(32), nullable=False),
        sa.Column("challenger", sa.String(32), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("share", sa.Float(53), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("begun", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("ended", sa.Text()),
        sa.Column("settled", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_rollouts_name", "rollouts", ["name", "sequence"])
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_rollouts_running", "rollouts", ["name"], unique=True, sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "rollout_observations",
        sa.Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column(
            "rollout_id", sa.String(64), sa.ForeignKey("rollouts.rollout_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("input_sha256", sa.String(64), nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("at_s", sa.Float(53), nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("score", sa.Float(53)),
        sa.Column("latency_ms", sa.Float(53)),
        sa.Column("error", sa.String(64)),
        sa.UniqueConstraint("rollout_id", "input_sha256", "arm", name="uq_rollout_observations_file"),
    )
    op.create_index("ix_rollout_observations_turn", "rollout_observations", ["rollout_id", "sequence"])
    op.create_index("ix_rollout_observations_at", "rollout_observations", ["at_s"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("rollout_observations")
    op.drop_table("rollouts")
