"""The tables, as the code sees them; the migrations make them, and a test compares the two.

Times are seconds since the epoch. Every query that a job needs on its way has an index of its own, so that what a job
costs does not depend on how many there have been.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only columns of its own INTEGER type

JOBS = Table(
    "jobs",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("external_id", String(256)),
    Column("callback_url", Text),
    Column("submission_key", String(256)),
    Column("submission_fingerprint", String(64)),
    Column("submission_position", Integer),
    Column("options", Text, nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("input_bytes", BigInteger, nullable=False),
    Column("input_key", String(256)),
    Column("created_at_s", Float(53), nullable=False),
    Column("not_before_s", Float(53), nullable=False),
    Column("expires_at_s", Float(53)),
    Column("started_at_s", Float(53)),
    Column("finished_at_s", Float(53)),
    Column("attempts", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("worker", String(256)),
    Column("lease_expires_at_s", Float(53)),
    Column("cancel_requested", Boolean, nullable=False),
    Column("done_frames", Integer, nullable=False),
    Column("total_frames", Integer),
    Column("failure_code", String(64)),
    Column("failure_message", Text),
    Column("verdict", String(16)),
    Column("fake_probability", Float(53)),
    Column("threshold", Float(53)),
    Column("result_key", String(64)),
    Column("answered_from", String(64)),
    Column("traceparent", String(55)),
    Column("tenant", String(64), nullable=False, server_default="default"),
    UniqueConstraint("tenant", "submission_key", "submission_position", name="uq_jobs_submission"),
)

Index("ix_jobs_turn", JOBS.c.state, JOBS.c.priority.desc(), JOBS.c.sequence)  # whose turn it is
Index("ix_jobs_state", JOBS.c.state, JOBS.c.sequence)  # lists by state
Index("ix_jobs_verdict", JOBS.c.verdict, JOBS.c.sequence)  # lists by verdict
Index("ix_jobs_external_id", JOBS.c.external_id, JOBS.c.sequence)
Index("ix_jobs_tenant", JOBS.c.tenant, JOBS.c.sequence)
Index("ix_jobs_tenant_state", JOBS.c.tenant, JOBS.c.state, JOBS.c.sequence)
Index("ix_jobs_tenant_external_id", JOBS.c.tenant, JOBS.c.external_id, JOBS.c.sequence)
Index("ix_jobs_lease", JOBS.c.lease_expires_at_s)
Index("ix_jobs_expiry", JOBS.c.state, JOBS.c.expires_at_s)
Index("ix_jobs_finished", JOBS.c.finished_at_s)
Index(
    "ix_jobs_input",
    JOBS.c.finished_at_s,
    sqlite_where=JOBS.c.input_key.is_not(None),
    postgresql_where=JOBS.c.input_key.is_not(None),
)  # ended jobs whose file is still there
Index("ix_jobs_result_key", JOBS.c.tenant, JOBS.c.result_key, JOBS.c.sequence)

USAGE = Table(
    "usage",
    METADATA,
    Column("caller", String(128), primary_key=True),
    Column("window", String(32), primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("ends_at_s", Float(53), nullable=False),
)

Index("ix_usage_ends", USAGE.c.ends_at_s)

DELIVERIES = Table(
    "job_deliveries",
    METADATA,
    Column("job_id", String(64), ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("created_at_s", Float(53), nullable=False),
    Column("due_at_s", Float(53)),
    Column("attempts", Integer, nullable=False),
    Column("started_at_s", Float(53)),
    Column("finished_at_s", Float(53)),
    Column("log", Text, nullable=False),
)

Index(
    "ix_job_deliveries_due",
    DELIVERIES.c.due_at_s,
    sqlite_where=DELIVERIES.c.due_at_s.is_not(None),
    postgresql_where=DELIVERIES.c.due_at_s.is_not(None),
)  # those that are not over

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("token_sha256", String(64), nullable=False),
    Column("created_at_s", Float(53), nullable=False),
    Column("expires_at_s", Float(53)),
    Column("revoked_at_s", Float(53)),
    Column("last_used_at_s", Float(53)),
    Column("requests_per_minute", Integer),
    Column("requests_per_day", Integer),
)

AUDIT = Table(
    "audit_log",
    METADATA,
    Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("at_s", Float(53), nullable=False),
    Column("action", String(64), nullable=False),
    Column("actor", String(128)),
    Column("tenant", String(64)),
    Column("subject", String(128)),
    Column("request_id", String(64)),
    Column("address", String(64)),
    Column("facts", Text, nullable=False),
)

Index("ix_audit_log_at", AUDIT.c.at_s)
Index("ix_audit_log_action", AUDIT.c.action, AUDIT.c.number)
Index("ix_audit_log_tenant", AUDIT.c.tenant, AUDIT.c.number)

REPORTS = Table(
    "job_reports",  # apart from the jobs, so that lists and claims never read a report
    METADATA,
    Column("job_id", String(64), ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("document", Text, nullable=False),
)

FEEDBACK = Table(
    "job_feedback",
    METADATA,
    Column("number", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("job_id", String(64), ForeignKey("jobs.job_id")),  # none once the job is gone
    Column("superseded", Boolean, nullable=False),  # whether the job has later feedback
    Column("label", String(8), nullable=False),
    Column("created_at_s", Float(53), nullable=False),
    Column("note", Text),
    Column("reviewer", String(128)),
    Column("model_name", String(256), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("fake_probability", Float(53)),
    Column("threshold", Float(53), nullable=False),
    Column("faces", Text, nullable=False),
    Column("input_sha256", String(64)),
)

Index("ix_job_feedback_job", FEEDBACK.c.job_id, FEEDBACK.c.number)
Index("ix_job_feedback_model", FEEDBACK.c.model_name, FEEDBACK.c.model_version, FEEDBACK.c.number)
Index("ix_job_feedback_weights", FEEDBACK.c.model_name, FEEDBACK.c.weights_sha256, FEEDBACK.c.number)
Index(
    "ix_job_feedback_gone",
    FEEDBACK.c.created_at_s,
    sqlite_where=FEEDBACK.c.job_id.is_(None),
    postgresql_where=FEEDBACK.c.job_id.is_(None),
)  # on jobs that are gone

TALLIES = Table(
    "model_tallies",
    METADATA,
    Column("model_name", String(256), primary_key=True),
    Column("model_version", String(64), primary_key=True),
    Column("measure", String(32), primary_key=True),
    Column("binning", String(16), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # since the epoch
    Column("bin", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
)

Index("ix_model_tallies_hour", TALLIES.c.hour)

ROLLOUTS = Table(
    "rollouts",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("rollout_id", String(64), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("champion", String(32), nullable=False),
    Column("challenger", String(32), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("share", Float(53), nullable=False),
    Column("salt", String(64), nullable=False),
    Column("policy", Text, nullable=False),
    Column("begun", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended", Text),
    Column("settled", Boolean, nullable=False),
)

Index("ix_rollouts_name", ROLLOUTS.c.name, ROLLOUTS.c.sequence)
Index(
    "uq_rollouts_running",
    ROLLOUTS.c.name,
    unique=True,
    sqlite_where=ROLLOUTS.c.state == "running",
    postgresql_where=ROLLOUTS.c.state == "running",
)  # one of a model at a time

OBSERVATIONS = Table(
    "rollout_observations",
    METADATA,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("rollout_id", String(64), ForeignKey("rollouts.rollout_id", ondelete="CASCADE"), nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("arm", String(16), nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("at_s", Float(53), nullable=False),
    Column("verdict", String(16)),
    Column("score", Float(53)),
    Column("latency_ms", Float(53)),
    Column("error", String(64)),
    UniqueConstraint("rollout_id", "input_sha256", "arm", name="uq_rollout_observations_file"),
)

Index("ix_rollout_observations_turn", OBSERVATIONS.c.rollout_id, OBSERVATIONS.c.sequence)
Index("ix_rollout_observations_at", OBSERVATIONS.c.at_s)
