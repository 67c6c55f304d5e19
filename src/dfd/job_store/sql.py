"""`JobStore` on SQLAlchemy: the same statements for SQLite and PostgreSQL.

Where a transaction will write, SQLite's begins with its write lock, and PostgreSQL locks the row it reads (``FOR
UPDATE``, which SQLite's dialect leaves out); a claim passes over rows that others hold (``SKIP LOCKED``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select, union_all, update
from sqlalchemy.exc import IntegrityError

from dfd.job import Job, JobState
from dfd.job_store.copying import SqlTableCopier
from dfd.job_store.database import Database
from dfd.job_store.deliveries import SqlDeliveryStore, add_first
from dfd.job_store.feedback import SqlFeedbackStore, let_go
from dfd.job_store.keys import SqlAuditLog, SqlKeyStore
from dfd.job_store.migrating import migrate
from dfd.job_store.rollouts import SqlRolloutStore
from dfd.job_store.rows import to_job, to_row
from dfd.job_store.schema import DELIVERIES, JOBS, REPORTS
from dfd.job_store.tallies import SqlTallyStore
from dfd.job_store.usage import SqlUsageMeter
from dfd.ports import JobFilter, JobStore, Transition
from dfd.ports.observing import JobCensus


def _nobody_listens(_job: Job) -> None:
    pass


_QUEUED = JOBS.c.state == JobState.QUEUED.value


class SqlJobStore(JobStore):
    """The table of jobs in an SQL database."""

    def __init__(self, url: str, when_ended: Callable[[Job], None] = _nobody_listens) -> None:
        """Use the database at `url` (see `dfd.job_store.database.Database`), whose tables `migrate` makes.

        Args:
            url: address of the database.
            when_ended: told of every job whose end was written here, once that is kept.

        Raises:
            ConfigurationError: the address cannot be used.
        """
        self._database = Database(url)
        self._when_ended = when_ended

    def migrate(self) -> None:
        """Bring the tables to this version; see `dfd.job_store.migrating.migrate`."""
        migrate(self._database)

    def meter(self) -> SqlUsageMeter:
        """A meter in the same database."""
        return SqlUsageMeter(self._database)

    def deliveries(self) -> SqlDeliveryStore:
        """The deliveries in the same database."""
        return SqlDeliveryStore(self._database)

    def feedback(self) -> SqlFeedbackStore:
        """The feedback in the same database."""
        return SqlFeedbackStore(self._database)

    def tallies(self) -> SqlTallyStore:
        """The counts in the same database."""
        return SqlTallyStore(self._database)

    def copier(self) -> SqlTableCopier:
        """What copies the tables of the same database."""
        return SqlTableCopier(self._database)

    def rollouts(self) -> SqlRolloutStore:
        """The rollouts in the same database."""
        return SqlRolloutStore(self._database)

    def keys(self) -> SqlKeyStore:
        """The API keys in the same database."""
        return SqlKeyStore(self._database)

    def audit(self) -> SqlAuditLog:
        """The audit log in the same database."""
        return SqlAuditLog(self._database)

    def close(self) -> None:
        """Close idle connections."""
        self._database.close()

    def add(self, jobs: Sequence[Job], reports: Mapping[str, str] | None = None) -> list[Job]:
        if not jobs:
            return []
        try:
            with self._database.writing() as connection:
                added = [_insert(connection, job, (reports or {}).get(job.job_id)) for job in jobs]
        except IntegrityError:  # the key came before; a job's own name is too long to come twice
            submission = jobs[0].submission
            known = self.of_submission(jobs[0].tenant, submission.key) if submission is not None else []
            if not known:
                raise
            return known
        for job in added:
            if job.ended:
                self._when_ended(job)
        return added

    def get(self, job_id: str) -> Job | None:
        return self._first(select(JOBS).where(JOBS.c.job_id == job_id))

    def of_submission(self, tenant: str, key: str) -> list[Job]:
        these = and_(JOBS.c.tenant == tenant, JOBS.c.submission_key == key)
        return self._all(select(JOBS).where(these).order_by(JOBS.c.submission_position))

    def page(self, wanted: JobFilter, limit: int, before: int | None = None) -> list[Job]:
        conditions = []
        if wanted.tenant is not None:
            conditions.append(JOBS.c.tenant == wanted.tenant)
        if wanted.external_id is not None:
            conditions.append(JOBS.c.external_id == wanted.external_id)
        if wanted.verdicts is not None:
            conditions.append(JOBS.c.verdict.in_(sorted(wanted.verdicts)))
        if wanted.text is not None:
            conditions.append(_mentions(wanted.text))
        if before is not None:
            conditions.append(JOBS.c.sequence < before)
        query = select(JOBS).order_by(JOBS.c.sequence.desc()).limit(limit)
        if wanted.states is None:
            return self._all(query.where(*conditions))
        if not wanted.states:
            return []
        newest = _newest_of_each(sorted(wanted.states), conditions, limit)
        return self._all(query.where(JOBS.c.sequence.in_(newest)))

    def waiting(self, most: int, tenant: str | None = None) -> int:
        theirs = _QUEUED if tenant is None else and_(JOBS.c.tenant == tenant, _QUEUED)
        some = select(JOBS.c.sequence).where(theirs).limit(most).subquery()
        return self._count(select(func.count()).select_from(some))

    def census(self) -> JobCensus:
        query = (
            select(JOBS.c.state, func.count(), func.min(JOBS.c.created_at_s))
            .where(JOBS.c.state.in_([JobState.QUEUED.value, JobState.RUNNING.value]))
            .group_by(JOBS.c.state)
        )
        with self._database.reading() as connection:
            found = {state: (count, oldest_s) for state, count, oldest_s in connection.execute(query)}
        queued, oldest_s = found.get(JobState.QUEUED.value, (0, None))
        running, _ = found.get(JobState.RUNNING.value, (0, None))
        return JobCensus(queued, running, oldest_s)

    def ahead_of(self, job: Job) -> int:
        earlier = and_(JOBS.c.priority == job.priority, JOBS.c.sequence < job.sequence)
        return self._count(select(func.count()).where(_QUEUED, or_(JOBS.c.priority > job.priority, earlier)))

    def claim(self, transition: Transition, now_s: float) -> Job | None:
        next_one = (
            select(JOBS)
            .where(_QUEUED, JOBS.c.not_before_s <= now_s, _not_expired(now_s))
            .order_by(JOBS.c.priority.desc(), JOBS.c.sequence)
            .limit(1)
        )
        if self._first(next_one) is None:  # an idle worker takes no write lock
            return None
        with self._database.writing() as connection:
            return _change(connection, next_one.with_for_update(skip_locked=True), transition, None)

    def change(self, job_id: str, transition: Transition, report: str | None = None) -> Job | None:
        this_one = select(JOBS).where(JOBS.c.job_id == job_id).with_for_update()
        was_over = True

        def noted(job: Job) -> Job | None:
            nonlocal was_over
            was_over = job.ended
            return transition(job)

        with self._database.writing() as connection:
            changed = _change(connection, this_one, noted, report)
        if changed is not None and changed.ended and not was_over:
            self._when_ended(changed)
        return changed

    def report(self, job_id: str) -> str | None:
        with self._database.reading() as connection:
            query = select(REPORTS.c.document).where(REPORTS.c.job_id == job_id)
            document: str | None = connection.execute(query).scalar_one_or_none()
            return document

    def answered(self, tenant: str, result_key: str) -> Job | None:
        same = and_(JOBS.c.tenant == tenant, JOBS.c.result_key == result_key)
        return self._first(select(JOBS).where(same).order_by(JOBS.c.sequence.desc()).limit(1))

    def to_sweep(self, now_s: float, limit: int) -> list[Job]:
        lost = self._all(select(JOBS).where(JOBS.c.lease_expires_at_s <= now_s).limit(limit))
        overdue = self._all(select(JOBS).where(_QUEUED, JOBS.c.expires_at_s <= now_s).limit(limit))
        return [*lost, *overdue][:limit]

    def with_input(self, ended_before_s: float, limit: int) -> list[Job]:
        kept = and_(JOBS.c.finished_at_s <= ended_before_s, JOBS.c.input_key.is_not(None))
        return self._all(select(JOBS).where(kept).order_by(JOBS.c.finished_at_s).limit(limit))

    def remove_ended(self, ended_before_s: float, limit: int) -> int:
        gone = and_(JOBS.c.finished_at_s <= ended_before_s, JOBS.c.input_key.is_(None))
        # locked, so that nobody gives feedback on what goes
        ended = select(JOBS.c.job_id).where(gone).limit(limit).with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            return _remove(connection, ended)

    def remove(self, job_id: str) -> bool:
        gone = and_(JOBS.c.job_id == job_id, JOBS.c.finished_at_s.is_not(None), JOBS.c.input_key.is_(None))
        with self._database.writing() as connection:
            return _remove(connection, select(JOBS.c.job_id).where(gone).with_for_update()) == 1

    def _all(self, query: Select[*tuple[object, ...]]) -> list[Job]:
        with self._database.reading() as connection:
            return [to_job(row) for row in connection.execute(query).mappings()]

    def _first(self, query: Select[*tuple[object, ...]]) -> Job | None:
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else to_job(row)

    def _count(self, query: Select[int]) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def _not_expired(now_s: float) -> ColumnElement[bool]:
    return or_(JOBS.c.expires_at_s.is_(None), JOBS.c.expires_at_s > now_s)


def _mentions(text: str) -> ColumnElement[bool]:
    return or_(
        JOBS.c.external_id.icontains(text, autoescape=True),
        JOBS.c.job_id.startswith(text.lower(), autoescape=True),
        JOBS.c.input_sha256.startswith(text.lower(), autoescape=True),
    )


def _remove(connection: Connection, locked: Select[str]) -> int:
    """Remove jobs, by their locked names, with everything that is theirs; how many there were."""
    job_ids = connection.execute(locked).scalars().all()
    let_go(connection, job_ids)
    for table in (REPORTS, DELIVERIES):
        connection.execute(delete(table).where(table.c.job_id.in_(job_ids)))
    connection.execute(delete(JOBS).where(JOBS.c.job_id.in_(job_ids)))
    return len(job_ids)


def _newest_of_each(states: Sequence[str], conditions: Sequence[ColumnElement[bool]], limit: int) -> Select[int]:
    """The places of the newest jobs of each state, so many of each.

    Each comes off an index in its order; asked for several states at once, SQLite would sort all that ever ended.
    """
    newest = JOBS.c.sequence.desc()
    parts = [
        select(JOBS.c.sequence).where(JOBS.c.state == state, *conditions).order_by(newest).limit(limit).subquery()
        for state in states
    ]
    return select(union_all(*(select(part.c.sequence) for part in parts)).subquery().c.sequence)


def _insert(connection: Connection, job: Job, report: str | None) -> Job:
    sequence = connection.execute(insert(JOBS).values(to_row(job)).returning(JOBS.c.sequence)).scalar_one()
    if report is not None:
        connection.execute(insert(REPORTS).values(job_id=job.job_id, document=report))
    if job.ended:
        add_first(connection, job)
    return replace(job, sequence=sequence)


def _change(
    connection: Connection, locked: Select[*tuple[object, ...]], transition: Transition, report: str | None
) -> Job | None:
    """Apply a transition to the one row that a query locks."""
    row = connection.execute(locked).mappings().first()
    job = None if row is None else to_job(row)
    changed = None if job is None else transition(job)
    if job is None or changed is None:
        return None
    before, after = to_row(job), to_row(changed)
    values = {name: value for name, value in after.items() if value != before[name]}
    connection.execute(update(JOBS).where(JOBS.c.sequence == job.sequence).values(values))
    if report is not None and changed.state is JobState.SUCCEEDED and not job.ended:
        connection.execute(insert(REPORTS).values(job_id=job.job_id, document=report))
    if changed.ended and not job.ended:
        add_first(connection, changed)
    return changed
