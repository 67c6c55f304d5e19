"""`TallyStore` in the database of jobs, so that all replicas of the service count together."""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from dfd.job_store.database import Database
from dfd.job_store.schema import TALLIES
from dfd.ports.feedback import Tally, TallyStore


class SqlTallyStore(TallyStore):
    """Counts in one table; an analysis is one statement, so that none is counted in part."""

    def __init__(self, database: Database) -> None:
        """Count in a database whose tables are there."""
        self._database = database

    def count(self, hour: int, found: Mapping[Tally, int]) -> None:
        if not found:
            return
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        rows = [{**asdict(tally), "hour": hour, "bin": number, "count": 1} for tally, number in found.items()]
        rows.sort(key=lambda row: tuple(map(str, row.values())))  # one order of locks, so that nobody waits in a circle
        first = insert(TALLIES).values(rows)
        one_more = first.on_conflict_do_update(
            index_elements=list(TALLIES.primary_key.columns), set_={"count": TALLIES.c.count + 1}
        )
        with self._database.writing() as connection:
            connection.execute(one_more)

    def counts(self, tally: Tally, from_hour: int, to_hour: int) -> dict[int, int]:
        these = [TALLIES.c[name] == value for name, value in asdict(tally).items()]
        hours = TALLIES.c.hour.between(from_hour, to_hour)
        query = select(TALLIES.c.bin, func.sum(TALLIES.c.count)).where(*these, hours).group_by(TALLIES.c.bin)
        with self._database.reading() as connection:
            return {number: int(count) for number, count in connection.execute(query)}

    def forget_hours(self, before_hour: int) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(TALLIES).where(TALLIES.c.hour < before_hour))
