"""Tenants of jobs, API keys, and the audit log.

Jobs that are there belong to the default tenant. An idempotency key is a tenant's own, and so is what has been answered
before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column, and make the tables."""
    with op.batch_alter_table("jobs") as jobs:  # SQLite makes the table anew: it changes no constraint otherwise
        jobs.add_column(sa.Column("tenant", sa.String(64), nullable=False, server_default="default"))
        jobs.drop_constraint("uq_jobs_submission", type_="unique")
        jobs.create_unique_constraint("uq_jobs_submission", ["tenant", "submission_key", "submission_position"])
        jobs.drop_index("ix_jobs_result_key")
        jobs.drop_index("ix_jobs_turn")
    _index_turn()
    op.create_index("ix_jobs_result_key", "jobs", ["tenant", "result_key", "sequence"])
    op.create_index("ix_jobs_tenant", "jobs", ["tenant", "sequence"])
    op.create_index("ix_jobs_tenant_state", "jobs", ["tenant", "state", "sequence"])
    op.create_index("ix_jobs_tenant_external_id", "jobs", ["tenant", "external_id", "sequence"])
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("expires_at_s", sa.Float(53)),
        sa.Column("revoked_at_s", sa.Float(53)),
        sa.Column("last_used_at_s", sa.Float(53)),
        sa.Column("requests_per_minute", sa.Integer()),
        sa.Column("requests_per_day", sa.Integer()),
    )
    op.create_table(
        "audit_log",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at_s", sa.Float(53), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128)),
        sa.Column("tenant", sa.String(64)),
        sa.Column("subject", sa.String(128)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("address", sa.String(64)),
        sa.Column("facts", sa.Text(), nullable=False),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at_s"])
    op.create_index("ix_audit_log_action", "audit_log", ["action", "number"])
    op.create_index("ix_audit_log_tenant", "audit_log", ["tenant", "number"])


def _index_turn() -> None:
    op.create_index("ix_jobs_turn", "jobs", ["state", sa.text("priority DESC"), "sequence"])


def downgrade() -> None:
    """Remove them; idempotency keys that two tenants used must be gone first."""
    op.drop_table("audit_log")
    op.drop_table("api_keys")
    with op.batch_alter_table("jobs") as jobs:
        for name in ("tenant_external_id", "tenant_state", "tenant", "result_key", "turn"):
            jobs.drop_index(f"ix_jobs_{name}")
        jobs.drop_constraint("uq_jobs_submission", type_="unique")
        jobs.create_unique_constraint("uq_jobs_submission", ["submission_key", "submission_position"])
        jobs.drop_column("tenant")
    _index_turn()
    op.create_index("ix_jobs_result_key", "jobs", ["result_key", "sequence"])
