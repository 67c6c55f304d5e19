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
    Column("result_key", String(64)),
    Column("answered_from", String(64)),
    Column("traceparent", String(55)),
    UniqueConstraint("submission_key", "submission_position", name="uq_jobs_submission"),
)

Index("ix_jobs_turn", JOBS.c.state, JOBS.c.priority.desc(), JOBS.c.sequence)  # whose turn it is
Index("ix_jobs_state", JOBS.c.state, JOBS.c.sequence)  # lists by state
Index("ix_jobs_external_id", JOBS.c.external_id, JOBS.c.sequence)
Index("ix_jobs_lease", JOBS.c.lease_expires_at_s)
Index("ix_jobs_expiry", JOBS.c.state, JOBS.c.expires_at_s)
Index("ix_jobs_finished", JOBS.c.finished_at_s)
Index(
    "ix_jobs_input",
    JOBS.c.finished_at_s,
    sqlite_where=JOBS.c.input_key.is_not(None),
    postgresql_where=JOBS.c.input_key.is_not(None),
)  # ended jobs whose file is still there
Index("ix_jobs_result_key", JOBS.c.result_key, JOBS.c.sequence)

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

REPORTS = Table(
    "job_reports",  # apart from the jobs, so that lists and claims never read a report
    METADATA,
    Column("job_id", String(64), ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("document", Text, nullable=False),
)
