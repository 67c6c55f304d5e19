"""What a database says of itself, without anything being made or changed in it."""

from dataclasses import dataclass

from sqlalchemy import func, select, text

from dfd.job_store.database import Database
from dfd.job_store.migrating import is_known, newest_revision, revision_of
from dfd.job_store.schema import JOBS


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """How a database is.

    Attributes:
        kind: ``sqlite`` or ``postgresql``.
        revision: where its tables are; None where there are none yet.
        newest: where this version wants them.
        known: whether this version knows that revision.
        now_s: its clock, in seconds since the epoch; None where it is this machine's.
        newest_job_s: when the newest job was accepted, likewise; None where there is none.
    """

    kind: str
    revision: str | None
    newest: str | None
    known: bool
    now_s: float | None
    newest_job_s: float | None


def examine(url: str) -> DatabaseState:
    """Ask a database; one of SQLite must be there.

    Raises:
        ConfigurationError: the address cannot be used.
        JobStoreUnavailable: it does not answer.
    """
    database = Database(url)
    try:
        with database.reading() as connection:
            revision = revision_of(connection)
            newest = newest_revision(connection)
            now_s = None
            if not database.is_sqlite:
                now_s = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
            known = revision is None or is_known(connection, revision)
            newest_job_s = None
            if revision is not None and known:
                newest_job_s = connection.execute(select(func.max(JOBS.c.created_at_s))).scalar()
            return DatabaseState(connection.dialect.name, revision, newest, known, now_s, newest_job_s)
    finally:
        database.close()
