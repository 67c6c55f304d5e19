"""`UsageMeter` in the database of jobs, so that all replicas of the service count together."""

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from dfd.job_store.database import Database
from dfd.job_store.schema import USAGE
from dfd.ports.usage import UsageMeter


class SqlUsageMeter(UsageMeter):
    """Counts in the table of usage; each count is one statement, so that none is lost."""

    def __init__(self, database: Database) -> None:
        """Count in a database whose tables are there."""
        self._database = database

    def count(self, caller: str, window: str, ends_at_s: float) -> int:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        first = insert(USAGE).values(caller=caller, window=window, requests=1, ends_at_s=ends_at_s)
        one_more = first.on_conflict_do_update(
            index_elements=[USAGE.c.caller, USAGE.c.window], set_={"requests": USAGE.c.requests + 1}
        )
        with self._database.writing() as connection:
            return int(connection.execute(one_more.returning(USAGE.c.requests)).scalar_one())

    def forget(self, now_s: float) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(USAGE).where(USAGE.c.ends_at_s <= now_s))
